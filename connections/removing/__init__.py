"""Removing a connection that nothing uses."""
