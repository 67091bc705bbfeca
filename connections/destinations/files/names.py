"""File names: which paths are safe, and the hidden names that a run uses."""

import re
from collections.abc import Callable

from connections.destinations.base import DeliveryError
from roles.messages import said as _


class NoFileError(DeliveryError):
    """The name belongs to something other than a regular file: a link or a folder, say."""

    def __init__(self) -> None:
        super().__init__(
            _("The file with this name was not written by Waybill. Move it, then try again."),
            permanent=True,
        )


def components(path: str) -> list[str]:
    """Split a relative path into its names; DeliveryError for one that could leave its folder."""
    names = path.split("/")
    if any(name in {"", ".", ".."} or "\0" in name or "\\" in name for name in names):
        raise DeliveryError(
            _("This export has a file or folder name that cannot be used."), detail=repr(path), permanent=True
        )
    return names


def split(path: str) -> tuple[list[str], str]:
    """Split a relative path into the names of its folders and its own."""
    *folders, name = components(path)
    return folders, name


def part_name(name: str, run_key: str) -> str:
    """The hidden name under which `name` is written, of this attempt alone."""
    return f".{name}.{run_key}.part"


def claim_name(name: str, run_key: str, checksum: str = "") -> str:
    """The name of the empty hidden file saying that this run, in any attempt, published `name` (with `checksum`)."""
    claimed = f"{name}.{checksum}" if checksum else name
    return f".{claimed}.{_run(run_key)}.claim"


def is_part(name: str, run_key: str) -> bool:
    """Whether `name` is a hidden part of this run, of whichever attempt."""
    hidden = re.escape(_run(run_key))
    return bool(re.fullmatch(rf"\..*\.{hidden}(-[0-9a-f]+)?\.part", name, re.DOTALL))


def is_claim(name: str, run_key: str) -> bool:
    """Whether `name` is a claim of this run."""
    return name.startswith(".") and name.endswith(f".{_run(run_key)}.claim")


def _run(run_key: str) -> str:
    """The part of the key that all attempts of a run share."""
    return run_key.partition("-")[0]


def foreign_file(name: str) -> DeliveryError:
    """The refusal to replace a file that the run did not write."""
    return DeliveryError(
        _("“%(name)s” already exists and was not written by this run. Move it, then run again.") % {"name": name},
        permanent=True,
    )


def changed_file(name: str) -> DeliveryError:
    """The refusal to replace a file that the export did not write, or that was changed since."""
    return DeliveryError(
        _("“%(name)s” was not written by this export, or was changed since. Move it, then run again.") % {"name": name},
        permanent=True,
    )


def refuse_changed(
    name: str, replaceable: frozenset[str], checksum_of: Callable[[], str], is_own: Callable[[str], bool]
) -> None:
    """Refuse to replace the file `name` unless its checksum is in `replaceable` or this run wrote it."""
    try:
        found = checksum_of()
    except NoFileError:
        found = ""
    if found not in replaceable and not (found and is_own(found)):
        raise changed_file(name)


def gone_file(detail: str = "") -> DeliveryError:
    """The error for a delivered file that no longer exists."""
    return DeliveryError(
        _("The file no longer exists. It was moved or removed after delivery."),
        detail=detail,
        permanent=True,
    )


def cut_file() -> DeliveryError:
    """The error for a file that ends too early."""
    return DeliveryError(_("The file became shorter while it was read. Try again."))
