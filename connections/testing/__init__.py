"""Tests of connections: what they do, in the background, and daily."""
