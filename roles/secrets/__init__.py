"""Secrets at rest, those that are kept elsewhere, and new keys for them."""
