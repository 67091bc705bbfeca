"""Binds the secrets of a connection to their server, and carries them through a form."""
