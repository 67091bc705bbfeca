"""Updates the demo's connections when its SFTP server has moved to another port."""

from collections.abc import Sequence
from pathlib import Path

from django.db import connection, transaction

from config import demo_sftp
from connections.models import Connection
from connections.sharing import agreement
from roles.audit import audit


def follow(data_dir: Path, earlier: Sequence[int], port: int) -> int:
    """Let connections to the demo's server at an `earlier` port use `port`; return how many did.

    The pinned host key tells the demo's server from another program's on the same port.
    """
    if not earlier:
        return 0
    place = {"host": demo_sftp.HOST, "host_key": demo_sftp.host_key(data_dir)}
    with transaction.atomic():
        moved = Connection.objects.select_for_update().filter(
            type="sftp", settings__contains=place, settings__port__in=list(earlier)
        )
        for each in moved:
            _move(each, port)
    connection.close()
    return len(moved)


def _move(moved: Connection, port: int) -> None:
    before = moved.settings["port"]
    agreement.carry_over(moved, moved.settings | {"port": port})
    moved.save(update_fields=["settings", "encrypted_secrets", "agreed_target", "updated_at"])
    changes = {"settings.port": [before, port]}
    audit.record(moved.environment, "change", moved, by=None, changes=changes)
