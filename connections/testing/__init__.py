"""Tests of connections: their steps, in the background, and daily."""
