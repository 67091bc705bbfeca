"""What the help pages of connection types show about exports and their files."""

from connections.destinations.base import Destination, SettingsForm
from connections.discover.help import FileFormat
from exports.formats.form import export_form
from exports.formats.registry import formats


class ExportsHelp:
    """Provides it to the help pages."""

    def form_of(self, type_: type[Destination]) -> type[SettingsForm]:
        """Return the empty form of an export on a connection of the type."""
        return export_form(type_, {})

    def file_kinds(self) -> list[FileFormat]:
        """Return the formats in which file stores get files."""
        return [FileFormat(one.help_title, one.help_text, one.of({}).suffix) for one in formats().values()]
