"""The Set up export pane. Everything that a browser sends is checked against what the user may use."""
