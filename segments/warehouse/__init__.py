"""Reads all customer data, and makes the member lists."""
