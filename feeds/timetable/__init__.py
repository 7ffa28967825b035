"""The schedule in memory: the service days around now, quick to look up."""
