"""How much one address or one subject may ask of all gateways together: docs/decisions/0023."""
