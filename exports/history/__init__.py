"""What became of every run: the pages of one export and of all, their charts, and the same as a file."""
