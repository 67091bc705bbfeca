"""One run in its process: plan, gate, brakes, sending, and the record of its end."""
