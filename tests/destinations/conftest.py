"""The servers that stores need."""

from tests.connections.conftest import ada, as_ada, environment, sshd  # noqa: F401
