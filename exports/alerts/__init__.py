"""Who is told when something goes wrong, and when it is well again."""
