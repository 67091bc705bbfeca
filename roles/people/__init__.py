"""Settings > Permissions: who may do what in an environment, and how they came by it."""
