"""`python -m config.healthy`: ask this machine's web server whether it is well; for containers, which have no curl."""

import http.client
import os
import sys

SECONDS = 8.0
EVERYWHERE = ("0.0.0.0", "[::]", "")  # noqa: S104 - compared with, not listened on


def main() -> int:
    """Return 0 where /healthz answers 200, else 1."""
    host, _colon, port = os.environ.get("WAYBILL_BIND", "127.0.0.1:8000").rpartition(":")
    name = os.environ.get("WAYBILL_HOSTS", "localhost").split(",")[0].strip()
    server = http.client.HTTPConnection("127.0.0.1" if host in EVERYWHERE else host, int(port), timeout=SECONDS)
    try:
        server.request("GET", "/healthz", headers={"Host": name})
        answer = server.getresponse()
        print(answer.read().decode(errors="replace"))
    except (OSError, http.client.HTTPException) as error:
        print(f"The web server does not answer: {error}")
        return 1
    finally:
        server.close()
    return int(answer.status != 200)


if __name__ == "__main__":
    sys.exit(main())
