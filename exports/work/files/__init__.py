"""Runs to file stores: hidden parts, names, the manifest."""
