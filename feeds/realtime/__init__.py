"""From GTFS-Realtime messages to changed boards: pure, time is an argument."""
