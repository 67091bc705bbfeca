"""Names of files: which paths are safe, and the hidden names a run works under."""

import re

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
    """The hidden name under which `name` is written, of this attempt alone."""
    return f".{name}.{run_key}.part"


def claim_name(name: str, run_key: str) -> str:
    """The hidden empty file that says: `name` was published by this run, in whichever attempt."""
    return f".{name}.{_run(run_key)}.claim"


def is_part(name: str, run_key: str) -> bool:
    """Tell whether `name` is a hidden part of this run, of whichever attempt."""
    hidden = re.escape(_run(run_key))
    return bool(re.fullmatch(rf"\..*\.{hidden}(-[0-9a-f]+)?\.part", name, re.DOTALL))


def is_claim(name: str, run_key: str) -> bool:
    """Tell whether `name` is a claim of this run."""
    return name.startswith(".") and name.endswith(f".{_run(run_key)}.claim")


def _run(run_key: str) -> str:
    """The part of the key that all attempts of a run share."""
    return run_key.partition("-")[0]


def foreign_file(name: str) -> DeliveryError:
    """The refusal to replace a file that the run did not write."""
    return DeliveryError(
        _("A file that this run did not write already has the name “%(name)s”. Move it away, then run again.")
        % {"name": name},
        permanent=True,
    )
