"""How the files of a run are written: delimiter, header, compression."""

import re
from dataclasses import dataclass
from typing import Any

from connections.destinations.base import DELIMITERS


@dataclass(frozen=True)
class FileFormat:
    """What the export's settings say about its files; a comma and no compression where they say nothing."""

    delimiter: str = ","
    is_compressed: bool = False

    @classmethod
    def of(cls, settings: dict[str, Any]) -> "FileFormat":
        """Return the format that an export's `settings` ask for."""
        return cls(DELIMITERS[settings.get("delimiter") or "comma"], settings.get("compression") == "gzip")

    @property
    def suffix(self) -> str:
        """How the names of data files end; `.csv` whatever the delimiter."""
        return ".csv.gz" if self.is_compressed else ".csv"

    def header_line(self, names: list[str]) -> bytes:
        """Return the first line of a file, quoted as PostgreSQL's COPY does."""
        is_alone = len(names) == 1
        return (self.delimiter.join(self._quoted(name, is_alone) for name in names) + "\n").encode()

    def _quoted(self, name: str, is_alone: bool) -> str:
        special = re.escape(self.delimiter) + r'"\r\n'
        if re.search(f"[{special}]", name) or (is_alone and name == r"\."):
            return '"' + name.replace('"', '""') + '"'
        return name
