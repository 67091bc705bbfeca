"""The formats of delivered files: one module for each, which owns its options, its writer and how it is read again."""
