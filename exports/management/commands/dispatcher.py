"""`manage.py dispatcher`: puts back runs whose worker died and nudges the cluster while runs wait."""

import logging
import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError, connections
from django.utils.translation import gettext as _

from exports.dispatcher import look_once
from roles import heartbeats
from roles.auditing import origin

logger = logging.getLogger(__name__)
LOOK_EVERY = 1.0  # seconds


class Command(BaseCommand):
    """Look once a second until SIGTERM or Ctrl-C; any number of dispatchers may run."""

    help = _("Puts back runs whose worker died and wakes the workers. Any number may run.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Look until told to stop; a database that is away is waited for."""
        origin.be_process("dispatcher")
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_args: stop.set())
        heartbeats.beat("dispatcher")
        while not stop.wait(LOOK_EVERY):
            try:
                look_once()
                heartbeats.beat("dispatcher")
            except (DatabaseError, InterfaceError) as error:
                logger.warning("The database does not answer (%s); looking again.", type(error).__name__)
                connections.close_all()
