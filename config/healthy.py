"""`python -m config.healthy`: asks this machine's web server for its health; for containers without curl."""

import http.client
import os
import socket
import sys

from django.core.exceptions import ImproperlyConfigured

from config.web import binding

SECONDS = 8.0


class _Connection(http.client.HTTPConnection):
    """A connection to the web server's port or socket file."""

    def connect(self) -> None:
        self.sock: socket.socket = binding.connect(SECONDS)


def main() -> int:
    """Return 0 where /healthz answers 200, else 1."""
    name = os.environ.get("WAYBILL_HOSTS", "localhost").split(",")[0].strip().replace("*", "localhost")
    server = _Connection("localhost", timeout=SECONDS)
    try:
        server.request("GET", "/healthz", headers={"Host": name})
        answer = server.getresponse()
        print(answer.read().decode(errors="replace"))
    except (OSError, http.client.HTTPException, ImproperlyConfigured) as error:
        print(f"The web server does not answer: {error}")
        return 1
    finally:
        server.close()
    return int(answer.status != 200)


if __name__ == "__main__":
    sys.exit(main())
