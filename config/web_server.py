"""Gunicorn's settings in production: `gunicorn -c config/web_server.py config.wsgi:application`.

No log of accesses: the proxy before it writes one, and addresses may hold tokens of invitations.
"""

import os

from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
bind = os.environ.get("WAYBILL_BIND", "127.0.0.1:8000")
workers = int(os.environ.get("WAYBILL_WEB_WORKERS", "2"))
worker_class, threads = "gthread", 4
timeout, graceful_timeout, keepalive = 60, 20, 5
control_socket_disable = True
logconfig_dict = settings.LOGGING | {
    "loggers": {"gunicorn.error": {"level": "INFO", "propagate": True, "handlers": []}},
}
