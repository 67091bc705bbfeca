"""Downloads of delivered files."""
