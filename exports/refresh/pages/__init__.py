"""What the pages of Settings > System show: how everything stands, the system refresh, its schedule and its past."""
