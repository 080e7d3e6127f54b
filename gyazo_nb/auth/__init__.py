"""Signing in, without any user interface: from the link to the account, and saved tokens.

Guarantees: a code is used only for the sign-in that it belongs to, an account is never replaced unless the
caller asks for it, and a saved token is used only with the server that it was saved for.
"""
