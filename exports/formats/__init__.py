"""What delivered files are made of: one module a format, which owns its options, its writer and how it is read."""
