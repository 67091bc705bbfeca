"""Secrets at rest, references to secrets kept elsewhere, and the rotation of keys."""
