"""The formats of delivered files: one module for each, with its options, its writer and how a spreadsheet reads it."""
