"""Settings > Audit, and the same as a file."""
