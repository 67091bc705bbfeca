"""Runs: creating them, changing their state, claiming, deciding, retrying, purging, and their log."""
