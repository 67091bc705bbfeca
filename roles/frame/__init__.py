"""The frame around every page, including error pages."""
