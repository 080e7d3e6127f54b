"""Sends operations over HTTP, blocking and async. The only package that imports httpx.

Guarantees: a secret leaves only to the server that its request names, and never in a log or an error.
"""
