"""The demo city: a small metro and bus network that never sleeps, as a GTFS schedule."""
