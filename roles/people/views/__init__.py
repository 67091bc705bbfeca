"""The pages of Settings > Permissions, one module for each task."""
