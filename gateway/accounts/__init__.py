"""Accounts: identity tokens of OpenID Connect issuers in, tokens of our own out."""
