"""The audit log: the one call that writes it, where events come from, their words."""
