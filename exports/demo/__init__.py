"""What `make demo` shows: invented consumers, segments, connections, and exports that have really run."""
