"""A server on loopback that takes connections and says nothing."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class MuteServer:
    """Knows how many `callers` it had; keeps their lines open."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.port: int = listener.getsockname()[1]
        self.callers: list[socket.socket] = []

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                self.callers.append(self._listener.accept()[0])

    def end(self) -> None:
        """Take no more connections: the port is free."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextmanager
def running_mute() -> Iterator[MuteServer]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = MuteServer(listener)
        thread = threading.Thread(target=server.serve)
        thread.start()
        try:
            yield server
        finally:
            server.end()
            thread.join(60)
            for caller in server.callers:
                caller.close()
