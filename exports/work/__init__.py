"""One run in its process: what will go, what stands in the way, sending it, and its honest end."""
