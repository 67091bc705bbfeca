"""A real OpenID Connect provider (oidc-provider-mock) on loopback, as a process of its own.

Run as a program it serves on the socket that it is handed, so that no other process can take the port.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx

BACKLOG = 128


@dataclass
class Provider:
    """A running provider and the people whom it knows."""

    issuer: str

    def knows(self, sub: str, **claims: Any) -> None:
        """Let it say `claims` of the person `sub` from now on."""
        httpx.put(f"{self.issuer}/users/{sub}", json=claims).raise_for_status()

    def approve(self, address: str, sub: str) -> str:
        """Prove at the provider to be `sub`; return the address to which it sends the browser back."""
        return self._answer(address, {"sub": sub})

    def deny(self, address: str) -> str:
        """Refuse; return the address to which it sends the browser back."""
        return self._answer(address, {"action": "deny"})

    def _answer(self, address: str, form: dict[str, str]) -> str:
        assert httpx.get(address).status_code == 200
        answer = httpx.post(address, data=form)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]


@contextmanager
def running_provider() -> Iterator[Provider]:
    """Run a provider that wants a nonce."""
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as listener:
        issuer = f"http://127.0.0.1:{listener.getsockname()[1]}"
        command = [sys.executable, __file__, str(listener.fileno())]
        surroundings = os.environ | {"AUTHLIB_INSECURE_TRANSPORT": "1"}
        process = subprocess.Popen(command, pass_fds=[listener.fileno()], env=surroundings, stderr=subprocess.DEVNULL)
    try:
        _wait_for(issuer, process)
        yield Provider(issuer)
    finally:
        process.kill()
        process.wait()


def _wait_for(issuer: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(httpx.TransportError):
            httpx.get(f"{issuer}/.well-known/openid-configuration", timeout=20).raise_for_status()
            return
    raise RuntimeError("the provider did not start")


def serve(descriptor: int) -> None:
    """Serve until killed."""
    import uvicorn
    from oidc_provider_mock import app

    uvicorn.run(app(require_nonce=True), interface="wsgi", fd=descriptor, log_level="error")


if __name__ == "__main__":
    serve(int(sys.argv[1]))
