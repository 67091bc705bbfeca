"""Edit forms: what a form was made from, and what was changed meanwhile by others."""
