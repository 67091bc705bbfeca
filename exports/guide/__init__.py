"""Exports on the page that removes a connection, and the commands on them."""
