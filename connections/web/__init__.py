"""What the pages of connections have in common."""
