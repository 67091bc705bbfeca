"""What support staff do in Django admin: read, unstick, end sessions, see the portal as a role. Never a secret."""
