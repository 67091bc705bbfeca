"""Who may use a connection, and the agreement that data leaves through it."""
