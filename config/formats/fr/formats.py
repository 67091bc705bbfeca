"""French as roles/ui/locales.py writes it, for what Django itself formats."""

THOUSAND_SEPARATOR = "\u202f"
