"""`manage.py up`: PostgreSQL, the web server, the workers and the dispatcher as one tree of processes."""

from config.up.portal import run

__all__ = ["run"]
