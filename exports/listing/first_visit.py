"""The guide to the first export: three steps, each done or still to do."""

from dataclasses import dataclass

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from connections.models import Connection
from roles.access.policy import Access, administrators
from roles.permissions import Permission
from segments.models import Segment, Table


@dataclass(frozen=True)
class Step:
    """One step. `url` is where the user does it; `ask` says whom to ask if they may not. Only the next step has one."""

    title: str
    text: str
    is_done: bool
    action: str = ""
    url: str = ""
    ask: str = ""
    in_panel: bool = False


@dataclass(frozen=True)
class Guide:
    """What an empty list says: steps for those who may add exports, a sentence for the others."""

    steps: list[Step]
    text: str


def guide_of(access: Access, *, can_add: bool) -> Guide:
    """Return the guide for an environment without exports."""
    if not access.has_permission(Permission.ADD_EXPORTS):
        return Guide([], _for_viewers(access))
    steps = [_connection(access, can_add), _segment(access), _export(access)]
    following = next(index for index, step in enumerate(steps) if not step.is_done)
    shown = [step if index == following else _without_action(step) for index, step in enumerate(steps)]
    return Guide(shown, _("An export sends data through a connection. Three steps to your first one:"))


def _for_viewers(access: Access) -> str:
    names = administrators(access.environment)
    text = _("Each export appears here with its status, rows and last refresh.")
    return f"{text} " + _("Expected an export? Ask %(names)s.") % {"names": names} if names else text


def _connection(access: Access, can_add: bool) -> Step:
    title, text = _("A connection"), _("Where data goes, e.g. a folder or an SFTP server.")
    if access.has_permission(Permission.MANAGE_CONNECTIONS):
        here = urlencode({"next": _url(access, "exports:list")})
        return Step(title, text, can_add, _("Add connection"), f"{_url(access, 'connections:add')}?{here}")
    exists = Connection.objects.filter(environment=access.environment).exists()
    words = _("No connection is shared with you. Ask %(names)s to share one.")
    if not exists:
        words = _("None yet. Ask %(names)s to add one and share it with you.")
    return Step(title, text, can_add, ask=words % {"names": administrators(access.environment)})


def _segment(access: Access) -> Step:
    title, text = _("A segment or a table"), _("What to send: the people of a segment, or whole tables.")
    has_table = Table.objects.filter(environment=access.environment).exists()
    is_done = has_table or Segment.objects.filter(environment=access.environment).exists()
    return Step(title, text, is_done, _("How to add tables"), f"{_url(access, 'segments:tables')}?from=exports")


def _export(access: Access) -> Step:
    title, text = _("An export"), _("What goes where, with which fields, and when.")
    return Step(title, text, False, _("Add export"), _url(access, "exports:add"), in_panel=True)


def _without_action(step: Step) -> Step:
    return Step(step.title, step.text, step.is_done)


def _url(access: Access, name: str) -> str:
    return reverse(name, kwargs={"environment": access.environment.slug})
