"""Imports CSV files into tables of the warehouse, or replaces the rows of earlier imports."""
