"""The data of `make demo`: invented consumers, segments, connections, and exports that have really run."""
