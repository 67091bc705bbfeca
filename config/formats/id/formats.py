"""Indonesian as roles/ui/locales.py writes it, for what Django itself formats."""

FIRST_DAY_OF_WEEK = 0
