"""What a run counts, in words: rows in files, people, or records."""

from typing import TYPE_CHECKING, ClassVar

from connections.destinations.base import Unit
from roles.messages import EMPTY, Message
from roles.messages import said as _
from roles.messages import said_many as ngettext
from roles.ui.words import NONE, number

if TYPE_CHECKING:
    from exports.models.run import Run


class Records:
    """Records at a system that takes batches."""

    code = Unit.RECORDS
    audited_as = "records_sent"
    stays: ClassVar[bool] = True  # what the target took stays there, whatever becomes of the run

    @property
    def name(self) -> Message:
        """What is counted, as the heading of a column or the name of a fact."""
        return _("Records")

    @property
    def noun(self) -> Message:
        """The same within a sentence."""
        return _("records")

    @property
    def sent(self) -> Message:
        """The name of the bar of a run that goes on."""
        return _("Records sent")

    @property
    def each_second(self) -> Message:
        """The name of the rate."""
        return _("Records a second")

    @property
    def by_item(self) -> Message:
        """The heading above the items of a run."""
        return _("Records by segment")

    @property
    def compared(self) -> Message:
        """The heading above this run and those before it."""
        return _("Records of this run and of the last ones")

    @property
    def none_yet(self) -> Message:
        """What an export without any run says."""
        return _("Run the export to see its steps and records here.")

    def of_test(self, most: int) -> Message:
        """Say what a test sends, and where to."""
        return _("At most %(most)s records of each segment. The export's status stays the same.") % {"most": most}

    def count(self, count: int) -> Message:
        """Say how many."""
        return ngettext("%(n)s record", "%(n)s records", count)

    def cell(self, count: int | None) -> str:
        """Say how many in a cell below *Rows sent*."""
        return NONE if count is None else str(self.count(count))

    @property
    def cell_label(self) -> str:
        """What stands behind that on narrow screens, which have no headings."""
        return ""

    def delivered(self, count: int) -> Message:
        """Say what a run delivered, as a sentence of an alert."""
        return ngettext("It sent %(n)s record.", "It sent %(n)s records.", count)

    def outcome(self, run: "Run") -> Message:
        """Say what a run delivered, in its log."""
        return self.count(run.rows_done)

    def remains(self, run: "Run") -> Message:
        """Say what the target has of a run that ends before its time; nothing for nothing."""
        count = run.rows_done
        words = ngettext(
            "%(n)s record was sent before and stays there.", "%(n)s records were sent before and stay there.", count
        )
        return words if count else EMPTY

    def remains_at_all(self, run: "Run") -> Message:
        """The same, where nothing is worth saying, too."""
        return self.remains(run) or _("Nothing was sent.")


class People(Records):
    """The same with people."""

    code = Unit.PEOPLE
    audited_as = "people_sent"

    @property
    def name(self) -> Message:
        return _("People")

    @property
    def noun(self) -> Message:
        return _("people")

    @property
    def sent(self) -> Message:
        return _("People sent")

    @property
    def each_second(self) -> Message:
        return _("People a second")

    @property
    def by_item(self) -> Message:
        return _("People by segment")

    @property
    def compared(self) -> Message:
        return _("People of this run and of the last ones")

    @property
    def none_yet(self) -> Message:
        return _("Run the export to see its steps and people here.")

    def of_test(self, most: int) -> Message:
        return _("At most %(most)s people of each segment. The export's status stays the same.") % {"most": most}

    def count(self, count: int) -> Message:
        return ngettext("%(n)s person", "%(n)s people", count)

    def delivered(self, count: int) -> Message:
        return ngettext("It sent %(n)s person.", "It sent %(n)s people.", count)

    def remains(self, run: "Run") -> Message:
        count = run.rows_done
        words = ngettext(
            "%(n)s person was sent before and stays there.", "%(n)s people were sent before and stay there.", count
        )
        return words if count else EMPTY


class Rows(Records):
    """Rows in files, which nobody sees before all of them get their names."""

    code = Unit.ROWS
    audited_as = "rows"
    stays = False

    @property
    def name(self) -> Message:
        return _("Rows")

    @property
    def noun(self) -> Message:
        return _("rows")

    @property
    def sent(self) -> Message:
        return _("Rows sent")

    @property
    def each_second(self) -> Message:
        return _("Rows a second")

    @property
    def by_item(self) -> Message:
        return _("Rows by segment and table")

    @property
    def compared(self) -> Message:
        return _("Rows of this run and of the last ones")

    @property
    def none_yet(self) -> Message:
        return _("Run the export to see its steps, rows and files here.")

    def of_test(self, most: int) -> Message:
        return _(
            "At most %(most)s records of each, sent to a separate test folder. The export's status stays the same."
        ) % {"most": most}

    def count(self, count: int) -> Message:
        return ngettext("%(n)s row", "%(n)s rows", count)

    def cell(self, count: int | None) -> str:
        return number(count)

    @property
    def cell_label(self) -> str:
        return str(self.noun)

    def delivered(self, count: int) -> Message:
        return ngettext("It delivered %(n)s row.", "It delivered %(n)s rows.", count)

    def outcome(self, run: "Run") -> Message:
        files = len(run.files)
        published = ngettext("%(n)s file published", "%(n)s files published", files)
        return _("%(rows)s, %(files)s") % {"rows": self.count(run.rows_done), "files": published}

    def remains(self, run: "Run") -> Message:
        return _("Some files may be visible at the destination, without a manifest.") if run.is_publishing else EMPTY

    def remains_at_all(self, run: "Run") -> Message:
        return self.remains(run) or _("Nothing was published.")


UNITS: dict[Unit, Records] = {words.code: words for words in (Rows(), People(), Records())}
