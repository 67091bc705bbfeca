"""CSV files become tables of the warehouse, and take the place of earlier ones."""
