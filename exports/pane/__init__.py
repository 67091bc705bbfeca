"""What the Set up export pane holds. Everything a browser sends is checked here against what the user may use."""
