"""From published boards to open streams."""
