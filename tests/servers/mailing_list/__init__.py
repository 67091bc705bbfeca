"""A connection type that takes people, and the server that keeps who is in which list."""
