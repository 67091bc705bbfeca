"""Proof that secrets, and where connections lead, come out nowhere."""
