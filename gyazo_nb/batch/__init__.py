"""Many uploads at once: `upload_all`, its report, and the resume file.

Guarantees: no finished upload is lost, and no picture is uploaded twice, also after a failure, Ctrl-C or
`kill -9`.
"""
