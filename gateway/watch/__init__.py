"""Boards in a terminal: drawn by `stopcast watch`, or by the gateway for plain curl."""
