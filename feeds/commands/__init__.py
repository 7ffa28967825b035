"""One command of `stopcast feeds` per module: options in, calls into feeds, text out."""
