"""The interface for users: `Gyazo`, over a `Connection` that sends as the signed-in account.

Guarantees: an async method sends the same operation as its blocking method.
"""
