"""The connection type Local folder."""
