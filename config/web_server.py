"""`python -m config.web_server`: the web server, where WAYBILL_BIND says, with WAYBILL_WEB_WORKERS processes.

SIGTERM ends it once what is under way has been answered, or after `--grace` seconds; SIGHUP takes code and settings
anew without refusing a request. No log of accesses: the proxy before it writes one, and addresses may hold tokens.
"""

import argparse
import logging.config
import os
import socket
import sys

from django.core.exceptions import ImproperlyConfigured

from config import problems
from config.places import data_dir
from config.web import binding
from config.web.supervisor import Supervisor

GRACE_SECONDS = 20.0


def main() -> int:
    """Serve until told to stop; return the exit code."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    parser = argparse.ArgumentParser(prog="python -m config.web_server", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--grace", type=float, default=GRACE_SECONDS, help="seconds for requests to end at a stop")
    grace = parser.parse_args().grace
    try:
        count = _prepare()
        sockets = binding.listen()
    except (ImproperlyConfigured, OSError) as error:
        print(problems.sentence(error, data_dir()), file=sys.stderr)
        return 1
    try:
        return _serve(sockets, count, grace)
    finally:
        binding.remove_files(sockets)


def _prepare() -> int:
    """Read the settings, so that errors in them are reported once; return the number of processes."""
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)
    return int(settings.WEB_WORKERS)


def _serve(sockets: list[socket.socket], count: int, grace: float) -> int:
    names = ", ".join(_name(each) for each in sockets)
    logging.getLogger("waybill.web").info("Listening at %s with %d processes.", names, count)
    return Supervisor(sockets, count, grace).run()


def _name(listening: socket.socket) -> str:
    name = listening.getsockname()
    return f"unix:{name}" if isinstance(name, str) else binding.ListenAddress(name[0], name[1]).name


if __name__ == "__main__":
    sys.exit(main())
