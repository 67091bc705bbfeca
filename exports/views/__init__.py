"""The Exports page and its panels. Who may what: product.md section 2."""
