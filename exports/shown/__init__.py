"""What several pages show of runs and exports in the same way."""
