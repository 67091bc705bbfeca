"""Delivered files on their way to a browser."""
