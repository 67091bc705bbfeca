"""Setting a connection up."""
