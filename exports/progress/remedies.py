"""What to do about a run that failed: a sentence, and links for those who may follow them."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from exports.models import Export, ReasonCode, Run
from exports.models.states import State
from exports.progress.steps import failed_step
from exports.spec.ineligible import contact_segment_url
from roles.access.policy import Access, administrators
from roles.kinds import ProfileKind
from roles.permissions import Permission
from roles.ui.words import relative
from segments.models import Segment

TO_THE_TARGET = ("send", "manifest", "arrived")


@dataclass(frozen=True)
class Remedy:
    """A link to where somebody can mend a failure."""

    label: str
    url: str


def next_step(run: Run, access: Access) -> str:
    """Say what Waybill does next by itself, or whom to ask if the user cannot mend it."""
    if run.state == State.RETRYING:
        now = timezone.now()
        when = relative(max(run.not_before, now), now)
        return _("Retry %(when)s. No action is needed unless that fails too.") % {"when": when}
    if run.state == State.HELD:
        return "" if run.export.is_editable_by(access) else _("Anyone who can edit this export can decide.")
    if not _is_of_the_target(run) or access.has_permission(Permission.MANAGE_CONNECTIONS):
        return ""
    names = administrators(access.environment)
    return _("Need access? Ask %(names)s.") % {"names": names} if names else ""


def remedies_of(run: Run, export: Export, access: Access) -> list[Remedy]:
    """Return the remedies for a `run` that failed, was skipped or is held; none for other runs."""
    step, at = failed_step(run), {"environment": export.environment.slug}
    if run.state == State.HELD:
        return _decision_remedies(run, at | {"pk": export.pk}) if export.is_editable_by(access) else []
    remedies = []
    if access.has_permission(Permission.EDIT_DATA):
        remedies += [_contact_segment(segment, export, at) for segment in _not_eligible(step, export)]
    is_of_the_export = step.get("key", "refresh") != "refresh" and not _is_of_the_target(run)
    is_skipped = run.state == State.SKIPPED and bool(run.message)
    if (is_of_the_export or is_skipped) and export.is_editable_by(access):
        remedies.append(Remedy(_("Edit export"), reverse("exports:edit", kwargs=at | {"pk": export.pk})))
    if export.connection_id and access.has_permission(Permission.MANAGE_CONNECTIONS) and _may_be_the_connection(run):
        url = reverse("connections:edit", kwargs=at | {"pk": export.connection_id})
        remedies.append(Remedy(_("Edit the connection"), url))
    return remedies


def _decision_remedies(run: Run, at: dict[str, Any]) -> list[Remedy]:
    """The two decisions about a held run, and a link to its export."""
    labels = {"let_go": _("Send anyway…"), "drop": _("Discard this run…")}
    remedies = [
        Remedy(label, reverse(f"exports:{name}", kwargs=at | {"uuid": run.uuid})) for name, label in labels.items()
    ]
    return [*remedies, Remedy(_("Edit export"), reverse("exports:edit", kwargs=at))]


def _not_eligible(step: dict[str, object], export: Export) -> list[Segment]:
    """The account segments that the check named and that are still there: their contacts can go in their place."""
    named = step.get("not_eligible")
    if not isinstance(named, list):
        return []
    accounts = Segment.objects.filter(environment=export.environment, table__profile_kind=ProfileKind.ACCOUNT)
    return list(accounts.filter(pk__in=named).order_by("name"))


def _contact_segment(segment: Segment, export: Export, at: dict[str, str]) -> Remedy:
    label = _("Create contact segment like “%(name)s”") % {"name": segment.name}
    return Remedy(label, contact_segment_url(segment, at["environment"], export))


def _may_be_the_connection(run: Run) -> bool:
    """Whether an administrator may want to open the connection: its secrets are read while checking."""
    step = failed_step(run)
    return _is_of_the_target(run) or (step.get("key") == "check" and "not_eligible" not in step)


def _is_of_the_target(run: Run) -> bool:
    """Whether the target refused or could not be reached."""
    return failed_step(run).get("key") in TO_THE_TARGET and run.reason_code == ReasonCode.TARGET
