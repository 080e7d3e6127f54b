"""The Gyazo API as values: what to send, and how to read the reply.

Guarantees: no I/O. A function makes an `Operation`; `http` sends it.
"""
