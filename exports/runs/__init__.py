"""Runs: everything that creates one or changes its state, and what a worker has to know of the others."""
