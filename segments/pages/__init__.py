"""Data > Tables and Insights > Segments."""
