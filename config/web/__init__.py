"""The web server: processes that share listening sockets, with bounds for each connection."""
