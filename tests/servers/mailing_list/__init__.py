"""A connection type that takes people, with a carrier of its own, and the server that keeps who is in which list."""
