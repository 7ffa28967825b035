"""The contract between feeds and gateway: what is stored, published and sent."""
