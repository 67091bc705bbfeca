"""The connection types: their tiles and help pages."""
