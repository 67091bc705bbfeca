"""`manage.py dispatcher`: starts what is due, puts back runs whose worker died, wakes workers while runs wait."""

import logging
import signal
import sys
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError, connections
from django.utils.translation import gettext as _

from exports.dispatcher import LOOK_EVERY, Dispatcher
from roles import heartbeats
from roles.audit import origin
from roles.secrets import same_keys

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    """Dispatch until SIGTERM or Ctrl-C; any number of dispatchers may run."""

    help = _("Starts due runs, requeues runs whose worker died, and wakes workers. Any number can run.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Look until told to stop; a database that is away is waited for."""
        origin.set_process("dispatcher")
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_args: stop.set())
        try:
            same_keys.wait_and_agree(stop.is_set)
        except same_keys.OtherKeysError as error:
            raise CommandError(str(error)) from error
        heartbeats.beat("dispatcher")
        dispatcher, wait, watch = Dispatcher(), 0.0, same_keys.KeyWatch()
        while not stop.wait(wait):
            if watch.is_other():
                sys.exit(1)
            wait = LOOK_EVERY
            try:
                wait = dispatcher.turn()
                heartbeats.beat("dispatcher")
            except (DatabaseError, InterfaceError) as error:
                logger.warning("The database does not answer (%s); looking again.", type(error).__name__)
                connections.close_all()
