"""Delivered files on their way to a browser, and made safe for spreadsheets."""
