"""Settings > Alerts, and what the bell opens."""
