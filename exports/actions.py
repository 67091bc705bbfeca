"""The verbs on exports. Each changes its rows and writes its audit event in one transaction."""

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connections.models import Sharing
from connections.sharing.sharing import label
from exports import audited
from exports.models import Export, ExportSegment, ExportTable, Run, Schedule, ScheduleMode, Trigger
from exports.models.states import State
from exports.runs import lifecycle
from exports.runs.lifecycle import Origin
from exports.schedules import occurrences, planning
from exports.schedules.recurrence import Recurrence
from exports.schedules.words import described
from exports.spec.catalogue import Catalogue
from exports.spec.folders import export_folder, free_folder
from exports.spec.resolved import Resolved
from exports.spec.schedule import recurrence_of
from exports.spec.spec import ExportSpec
from roles.audit import audit
from roles.audit.gone import AlreadyGoneError, already_gone, locked
from roles.audit.sentences import who
from roles.models import AuditEvent, Environment, User

_DELIVERING = gettext_lazy("“%(name)s” is delivering files. Wait until that job has ended, then try again.")
TEST_ROWS = 10  # records of each item that a test sends
EDITED = (
    "name", "description", "kind", "connection", "detached_sharing", "folder", "folders_keep_marks", "settings",
    "field_selection", "schedule_mode", "refreshes_segments", "tolerance", "most_removals", "sends_nothing",
    "updated_by", "updated_at",
)  # fmt: skip


class RefusedError(Exception):
    """Why something cannot be done to an export now, for people."""


class ChangedMeanwhileError(RefusedError):
    """Something that a spec names was removed, or its name was taken, after the check."""

    def __init__(self) -> None:
        text = _("Not saved: something the export uses was removed or changed. Check it, then save again.")
        super().__init__(text)


class CannotRunError(RefusedError):
    """Why an export cannot be run now, for people."""


class CannotDetachError(RefusedError):
    """Why an export's connection cannot be detached now, for people."""


class CannotRemoveError(RefusedError):
    """Why an export cannot be removed now, for people."""


def run_now(export: Export, *, by: User | None, trigger: str = Trigger.PERSON) -> tuple[Run, bool]:
    """Queue a run of `export`; return it and whether it is new. While a run is queued, a second click joins it.

    Raises CannotRunError while one is running, retrying or held, and for an export without a connection.
    """
    try:
        with transaction.atomic():
            run = _queue(export, by, trigger)
    except IntegrityError:
        return _join(export), False
    return run, True


def send_test(export: Export, *, by: User | None) -> Run:
    """Queue a run that sends TEST_ROWS records of each item into a folder of its own; the export's status stays.

    Raises CannotRunError while a run of the export is active, and for an export without a connection.
    """
    try:
        with transaction.atomic():
            return _queue(export, by, Trigger.TEST, most_rows=TEST_ROWS)
    except IntegrityError:
        message = _("“%(name)s” is running or waiting. Send the test when it has ended.")
        raise CannotRunError(message % {"name": export.name}) from None


def _queue(export: Export, by: User | None, trigger: str, most_rows: int | None = None) -> Run:
    """Add a run and nudge a worker; IntegrityError while another one of the export is active."""
    if export.connection_id is None:
        raise CannotRunError(_("“%(name)s” has no connection. Edit it and choose one.") % {"name": export.name})
    return lifecycle.create(export, Origin(trigger, by), most_rows=most_rows)


def lock(export: Export) -> Export | None:
    """Lock the schedule, then the row of `export`, as the engine of schedules does; return it, None once removed."""
    Schedule.objects.select_for_update().filter(export=export).first()
    return Export.objects.select_for_update(no_key=True).filter(pk=export.pk).first()


def save(export: Export, spec: ExportSpec, *, by: User) -> Export:
    """Create or change `export` as the checked `spec` says and return the saved row; the object itself stays.

    Raises ChangedMeanwhileError if something that the spec names is gone, or if its name is taken.
    """
    try:
        with transaction.atomic():
            saved = _save(export, spec, by)
            connection.check_constraints()  # now, as the caller's transaction may end later
            return saved
    except IntegrityError as error:
        raise ChangedMeanwhileError from error


def _save(export: Export, spec: ExportSpec, by: User) -> Export:
    old = Export.objects.filter(pk=export.pk).first()
    before = audited.facts(old)
    rule = recurrence_of(spec.schedule) if spec.schedule.mode == ScheduleMode.OWN else None
    if old:
        occurrences.take_due(old, spec.schedule.mode, rule)
    saved = old or Export(environment=export.environment, created_by=by)
    was = (saved.name, saved.connection_id)
    if saved.connection_id and not spec.connection:
        raise ValueError("To take the connection away is the part of `detach`, which ends a waiting run.")
    resolved = Resolved(spec, Catalogue(export.environment), old)
    if not resolved.is_complete:
        raise ChangedMeanwhileError
    _fill(saved, resolved)
    saved.updated_by = by
    if old is None:
        saved.save()
        export_folder(saved)
    else:  # not what runs have written since it was loaded
        if was != (saved.name, saved.connection_id):
            saved.folder, saved.folders_keep_marks = free_folder(saved), True
        saved.save(update_fields=EDITED)
    if saved.connection_id is not None:
        saved.detached_users.clear()
    _choose(saved, resolved)
    planning.save(saved, saved.schedule_mode, rule)
    changes = audited.difference(before, audited.facts(saved))
    audit.record(saved.environment, "change" if before else "create", saved, by=by, changes=changes)
    return saved


def _fill(export: Export, resolved: Resolved) -> None:
    """Give `export` the values of the spec, unsaved."""
    spec, chosen = resolved.spec, resolved.connection
    export.name, export.description, export.kind = spec.name, spec.description, spec.kind
    export.connection, export.settings = chosen, dict(spec.settings)
    export.detached_sharing = "" if chosen else export.detached_sharing
    export.field_selection = resolved.field_selection(export.field_selection)
    export.schedule_mode, export.refreshes_segments = spec.schedule.mode, spec.refreshes_segments
    export.tolerance, export.most_removals = spec.tolerance, spec.most_removals
    export.sends_nothing = spec.sends_nothing


def _choose(export: Export, resolved: Resolved) -> None:
    """Write the segments and tables, in the orders given."""
    export.export_segments.all().delete()
    ExportSegment.objects.bulk_create(
        ExportSegment(export=export, segment=segment, position=position)
        for position, segment in enumerate(resolved.segments)
    )
    export.export_tables.all().delete()
    ExportTable.objects.bulk_create(
        ExportTable(export=export, table=table, position=position) for position, table in enumerate(resolved.tables)
    )


def set_schedule(export: Export, mode: str, rule: Recurrence | None = None, *, by: User) -> None:
    """Set when `export` runs by itself. Writes nothing if it has this schedule already.

    With ScheduleMode.OWN it follows `rule`, or the one that it had before.
    """
    with transaction.atomic():
        now = lock(export)
        if now is None:
            raise RefusedError(already_gone(export))
        export.schedule_mode = now.schedule_mode
        before = described(export)
        occurrences.take_due(export, mode, rule)
        planning.save(export, mode, rule)
        export.schedule_mode = mode
        after = described(export)
        if before != after:
            export.updated_by = by
            export.save(update_fields=["schedule_mode", "updated_by", "updated_at"])
            audit.record(export.environment, "schedule", export, by=by, changes={"schedule": [before, after]})


def detach(export: Export, *, by: User) -> None:
    """Take the connection from `export`, which keeps its configuration; its waiting run is canceled.

    Raises CannotDetachError while one is running, and for an export that has no connection.
    """
    with transaction.atomic():
        mine = Export.objects.select_related("connection").select_for_update(no_key=True, of=("self",))
        now = mine.filter(pk=export.pk).first()
        if now is None:
            raise CannotDetachError(already_gone(export))
        kept = now.connection
        if kept is None:
            raise CannotDetachError(_why_detached(export))
        running = _("“%(name)s” is running. Cancel the job first, then detach the connection.")
        _end_waiting_run(export, by, CannotDetachError, running)
        export.connection, export.detached_sharing, export.updated_by = None, kept.sharing, by
        export.save(update_fields=["connection", "detached_sharing", "updated_by", "updated_at"])
        named = list(kept.shared_with.order_by("pk")) if kept.sharing == Sharing.NAMED else []
        export.detached_users.set(named)
        changes = {"connection": [kept.name, None]} | ({"named": [[], list(map(label, named))]} if named else {})
        audit.record(export.environment, "detach", export, by=by, changes=changes)


@transaction.atomic
def forget_on_detached(user: User, environment: Environment) -> None:
    """Remove the user from those who may edit detached exports, because they lost the role."""
    for export in Export.objects.filter(environment=environment, detached_users=user):
        before = list(map(label, export.detached_users.order_by("pk")))
        export.detached_users.remove(user)
        changes = {"named": [before, list(map(label, export.detached_users.order_by("pk")))]}
        audit.record(environment, "share", export, by=None, changes=changes)


def remove(export: Export, *, by: User) -> None:
    """Remove `export` and cancel its waiting run. Raises CannotRemoveError while one is running."""
    with transaction.atomic():
        try:
            locked(Export.objects.all(), export)  # no run of it begins from here on
        except AlreadyGoneError as error:
            raise CannotRemoveError(str(error)) from error
        running = _("“%(name)s” is running. Cancel the job first, then remove the export.")
        _end_waiting_run(export, by, CannotRemoveError, running)
        audit.record(export.environment, "remove", export, by=by, changes=audited.removal(export))
        export.delete()


def _why_detached(export: Export) -> str:
    found = AuditEvent.objects.filter(environment=export.environment, object_type="export", object_id=str(export.pk))
    event = found.filter(action="detach").order_by("-at", "-pk").first()
    if event is None:
        return _("“%(name)s” already has no connection.") % {"name": export.name}
    return _("“%(name)s” was already detached by %(who)s.") % {"name": export.name, "who": who(event)}


def _end_waiting_run(export: Export, by: User, refused: type[RefusedError], running: str) -> None:
    """Cancel the waiting run of `export`, if there is one. Raises `refused` if a run is running or began to publish."""
    run = Run.objects.active().select_for_update().filter(export=export).first()
    if run is None:
        return
    if run.is_publishing:
        raise refused(_DELIVERING % {"name": export.name})
    if run.state == State.RUNNING or not lifecycle.cancel(run, by=by):
        raise refused(running % {"name": export.name})


def _join(export: Export) -> Run:
    run = Run.objects.active().filter(export=export).first()
    if run is None:  # it ended in this very moment
        raise CannotRunError(_("“%(name)s” has just ended. Run it again.") % {"name": export.name})
    if run.most_rows:
        raise CannotRunError(
            _("A test of “%(name)s” is being sent. Run the export when the test has ended.") % {"name": export.name}
        )
    if run.state == State.QUEUED:
        return run
    words = {
        State.RUNNING: _("“%(name)s” is already running."),
        State.RETRYING: _DELIVERING
        if run.is_publishing
        else _("“%(name)s” failed and will be retried automatically. To run it now, cancel that job."),
        State.HELD: _("“%(name)s” is held. Release or discard that run first."),
    }
    raise CannotRunError(words[State(run.state)] % {"name": export.name})
