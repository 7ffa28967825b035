"""Who may read what: tokens, their issuers' keys, and what they allow."""
