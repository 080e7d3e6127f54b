"""Sends operations over HTTP, blocking and async. The only package that imports httpx.

Guarantees: a secret is sent only to the server that its request names, and never appears in a log or an
error.
"""
