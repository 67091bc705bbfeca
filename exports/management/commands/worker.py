"""`manage.py worker`: one django-q cluster that stops at once when told, and replaces itself when it freezes."""

import logging
import os
import signal
import sys
import threading
import time
from typing import Any

import psutil
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError, connections
from django.utils.translation import gettext as _

from roles import heartbeats, stopping
from roles.audit import origin
from roles.secrets import same_keys

logger = logging.getLogger(__name__)

LOOK_EVERY = 1.0  # seconds
STOP_WITHIN = 6.0
FROZEN_AFTER = 6  # looks in a row at which a run that may start waits although this worker has a free slot


class Command(BaseCommand):
    """Run one cluster in the foreground until SIGTERM or Ctrl-C."""

    help = _("Runs export tasks (cluster exports) or the small ones (cluster chores) until it is stopped.")

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the cluster."""
        clusters = ["exports", "chores"]  # settings.Q_CLUSTER and its ALT_CLUSTERS
        parser.add_argument("--cluster", choices=clusters, default=clusters[0])

    def handle(self, *args: Any, **options: Any) -> None:
        """Start the cluster and watch over it."""
        _name_cluster(options["cluster"])
        origin.set_process("worker")
        stopping.install()
        try:
            same_keys.wait_and_agree()
        except same_keys.OtherKeysError as error:
            raise CommandError(str(error)) from error
        heartbeats.beat(options["cluster"])
        connections.close_all()  # nothing open is inherited by the forks
        _load_what_tasks_need()
        code = _Cluster(options["cluster"]).run()
        sys.stdout.flush()
        # Not sys.exit: at its exit multiprocessing waits for children, also for ones that are beyond hope.
        os._exit(code)


def _name_cluster(name: str) -> None:
    """django-q reads its cluster's name from the environment while it is imported: start again with it."""
    if os.environ.get("Q_CLUSTER_NAME", settings.Q_CLUSTER["name"]) != name:
        os.environ["Q_CLUSTER_NAME"] = name
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - this very command again


def _load_what_tasks_need() -> None:
    """Import before the fork, so that a run starts at once."""
    from connections.destinations.registry import destinations
    from exports.work import watch

    destinations()
    logger.debug("Loaded %s", watch.__name__)


class _Cluster:
    def __init__(self, name: str) -> None:
        from django_q.cluster import Cluster

        self.name, self.is_told_to_stop, self.frozen = name, False, 0
        self.cluster = Cluster()
        self.watch = same_keys.KeyWatch()

    def run(self) -> int:
        """Start, watch, stop; return the exit code: 0 when told to stop, 1 when it has to be replaced."""
        self.cluster.start()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._told_to_stop)
        healthy = True
        while healthy and not self.is_told_to_stop:
            signal.sigtimedwait([], LOOK_EVERY) if hasattr(signal, "sigtimedwait") else time.sleep(LOOK_EVERY)
            healthy = self._is_healthy()
            if healthy:
                heartbeats.beat(self.name)
        self._stop()
        return 0 if self.is_told_to_stop else 1

    def _told_to_stop(self, number: int, frame: Any) -> None:
        self.is_told_to_stop = True
        stopping.stop()

    def _is_healthy(self) -> bool:
        """Whether the cluster lives and takes the work that waits."""
        if self.watch.is_other():
            return False
        if not self.cluster.sentinel.is_alive():
            logger.critical("The cluster %s lost its guard and is replaced.", self.name)
            return False
        if self.name != settings.Q_CLUSTER["name"]:
            return True
        self.frozen = self.frozen + 1 if _work_waits() else 0
        if self.frozen >= FROZEN_AFTER:
            logger.critical("The cluster %s leaves waiting runs alone and is replaced.", self.name)
        return self.frozen < FROZEN_AFTER

    def _stop(self) -> None:
        """Let the tasks end, then kill what is left of the process tree."""
        stopping.stop()
        children = psutil.Process().children(recursive=True)
        if self.cluster.sentinel.is_alive():  # setting the event waits for its listener, for ever for a dead one
            threading.Thread(target=self.cluster.stop_event.set, daemon=True).start()
            self.cluster.sentinel.join(timeout=STOP_WITHIN)
        for child in children:
            if child.is_running():
                child.kill()


def _work_waits() -> bool:
    """Whether a run has waited for seconds although this machine has a free slot."""
    from exports.runs.queue import has_free_slot, work_waits

    try:
        return work_waits() and has_free_slot()
    except (DatabaseError, InterfaceError):
        connections.close_all()
        return False
