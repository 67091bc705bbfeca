"""Names of files: which paths are safe, and the hidden names a run works under."""

from django.utils.translation import gettext as _

from connections.destinations.base import DeliveryError


def components(path: str) -> list[str]:
    """Split a relative path into its names; DeliveryError for one that could leave its folder."""
    names = path.split("/")
    if any(name in {"", ".", ".."} or "\0" in name or "\\" in name for name in names):
        raise DeliveryError(
            _("A file or folder name of this export cannot be used."), detail=repr(path), permanent=True
        )
    return names


def split(path: str) -> tuple[list[str], str]:
    """Split a relative path into the names of its folders and its own."""
    *folders, name = components(path)
    return folders, name


def part_name(name: str, run_key: str) -> str:
    """The hidden name under which `name` is written."""
    return f".{name}.{run_key}.part"


def claim_name(name: str, run_key: str) -> str:
    """The hidden empty file that says: `name` was published by this run."""
    return f".{name}.{run_key}.claim"


def is_part(name: str, run_key: str) -> bool:
    """Tell whether `name` is a hidden part of this run."""
    return name.startswith(".") and name.endswith(f".{run_key}.part")


def is_claim(name: str, run_key: str) -> bool:
    """Tell whether `name` is a claim of this run."""
    return name.startswith(".") and name.endswith(f".{run_key}.claim")


def foreign_file(name: str) -> DeliveryError:
    """The refusal to replace a file that the run did not write."""
    return DeliveryError(
        _("A file that this run did not write already has the name “%(name)s”. Move it away, then run again.")
        % {"name": name},
        permanent=True,
    )
