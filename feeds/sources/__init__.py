"""GTFS-Realtime sources of our own: recordings played again, a city made up."""
