"""Many uploads at once: `upload_all`, its report, and the resume file.

Guarantees: nothing is lost and nothing is uploaded twice, whatever fails, also after Ctrl-C or `kill -9`.
"""
