"""How a message goes out, by the kind of its channel."""
