"""Settings > Audit: where events come from, their words, their page and their download."""
