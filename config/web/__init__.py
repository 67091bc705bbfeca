"""The web server: processes that share their listening sockets, and bounds on what one connection may take."""
