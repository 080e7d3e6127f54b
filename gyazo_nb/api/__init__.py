"""The Gyazo API as values: the request to send, and how to read the reply.

Guarantees: no I/O. A function creates an `Operation`, and `http` sends it.
"""
