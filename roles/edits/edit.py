"""Finds, part by part, what others changed since a form was opened, and lets the person choose.

A form carries what it was made from: a digest of each part, signed. What only one side changed stands; what both
changed differently is a conflict that the person decides. The save compares once more under the lock of the row.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, wraps
from typing import Any, NamedTuple, TypeVar

from django.core import signing
from django.db import OperationalError, models, transaction
from django.http import Http404, HttpResponse, QueryDict
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from psycopg.errors import DeadlockDetected

from roles.audit import sentences
from roles.audit.gone import REMOVALS
from roles.edits.parts import Part, Parts
from roles.models import AuditEvent, Environment

MADE_FROM = "made_from"  # the hidden input
KEEP = "keep-"  # how the inputs begin that choose a side of a conflict
THEIRS, MINE = "theirs", "mine"
LONGEST = 60_000  # characters of what a form says it was made from
MOST_EVENTS = 5  # that are told
MOST_READ = 200  # among which they are found
MOST_TRIES = 5  # of a save while others save, too
_SIGNER = signing.Signer(salt="roles.edits")
_View = TypeVar("_View", bound=Callable[..., HttpResponse])


class MovedMeanwhileError(Exception):
    """What is stored was changed after it was compared, before it was locked."""


@dataclass(frozen=True)
class About:
    """What is edited: `form` names the form, `subject` is what the audit log calls the object."""

    form: str
    subject: models.Model
    environment: Environment | None = None
    ids: tuple[int, ...] = ()  # of all objects, where a form edits several; the names of their parts end in them

    @property
    def key(self) -> str:
        """Stand for form and object, so that no form passes for another."""
        return f"{self.form} {self.subject._meta.model_name} {self.subject.pk}"

    @property
    def events(self) -> models.QuerySet[AuditEvent]:
        """What happened to it, newest first."""
        name, pk = self.subject._meta.model_name, str(self.subject.pk)
        found = AuditEvent.objects.filter(environment=self.environment, object_type=name)
        found = found.filter(object_id__in=[str(one) for one in self.ids] or [pk])
        return found.order_by("-at", "-pk")


@dataclass(frozen=True)
class Base:
    """What a form was made from: digests by part, the last event then, and the parts still to be decided."""

    digests: Mapping[str, str]
    event: int
    open: tuple[str, ...] = ()

    def signed(self, key: str) -> str:
        """Return it as the text of a hidden input."""
        return _SIGNER.sign_object([key, dict(self.digests), self.event, list(self.open)], compress=True)

    @classmethod
    def read(cls, text: str, key: str) -> "Base | None":
        """Return what the form of `key` was made from; None for a text that Waybill did not make for it."""
        if not text or len(text) > LONGEST:
            return None
        try:
            own, digests, event, still_open = _SIGNER.unsign_object(text)
        except (signing.BadSignature, ValueError):
            return None
        return cls(digests, event, tuple(still_open)) if own == key else None


class Side(NamedTuple):
    """One of the two values of a conflict, as the page offers it."""

    value: str
    label: str
    lines: list[str]
    is_chosen: bool
    at: datetime | None = None


@dataclass(frozen=True)
class Conflict:
    """A part that both changed. `event` says who changed it last, None where the log does not say."""

    name: str
    theirs: Part
    mine: Part
    event: AuditEvent | None
    choice: str = ""

    @property
    def input(self) -> str:
        """The name of the input that chooses."""
        return f"{KEEP}{self.name}"

    @property
    def label(self) -> str:
        """What it is about."""
        return self.theirs.label or self.mine.label

    @property
    def sides(self) -> list[Side]:
        """What can be chosen, the saved value first."""
        who = sentences.who(self.event) if self.event else ""
        saved = _("Saved by %(name)s") % {"name": who} if who else _("Saved now")
        return [
            Side(THEIRS, saved, self.theirs.lines, self.choice == THEIRS, self.event.at if self.event else None),
            Side(MINE, _("Yours"), self.mine.lines, self.choice == MINE),
        ]


@dataclass
class Edit:
    """A form about something stored, as it opens or as it was sent. `now` is what is stored, `mine` what was sent.

    After it was sent `data` is what to judge and save: what was typed, with what others changed in other parts.
    """

    about: About | None  # None: something new, which nobody else can have changed
    now: Parts = field(default_factory=dict)
    post: QueryDict | None = None
    mine: Parts = field(default_factory=dict)
    conflicts: list[Conflict] = field(init=False, default_factory=list)
    is_lost: bool = field(init=False, default=False)  # what it was made from is not known
    data: Any = field(init=False, default=None)
    stands: set[str] = field(init=False, default_factory=set)  # the parts that stay as they are stored

    def __post_init__(self) -> None:
        self.data = self.post
        if self.about is None:
            return
        self._last = self.about.events.values_list("pk", flat=True).first() or 0
        self._base = Base({}, self._last)
        if self.post is not None:
            self._merge(self.about, self.post)

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to decide."""
        return not self.conflicts

    @property
    def made_from(self) -> str:
        """What the page is made from, for its hidden input."""
        if self.about is None:
            return ""
        still_open = tuple(one.name for one in self.conflicts)
        event = self._base.event if still_open else self._last
        return Base(_digests(self.now), event, still_open).signed(self.about.key)

    @cached_property
    def events(self) -> list[AuditEvent]:
        """What was done to it since the form was opened, newest first."""
        if self.about is None or self.is_lost:
            return []
        known = {name for part in (*self.now.values(), *self.mine.values()) for name in part.audited}
        found = self.about.events.filter(pk__gt=self._base.event)[:MOST_READ]
        return [event for event in found if known & set(event.changes)][:MOST_EVENTS]

    @property
    def title(self) -> str:
        """What happened, in one line."""
        people = sorted({sentences.who(event) for event in self.events})
        if len(people) != 1:
            return _("Not saved: changed meanwhile")
        return _("Not saved: %(name)s changed this meanwhile") % {"name": people[0]}

    @property
    def history(self) -> list[tuple[str, Any]]:
        """These events as sentences, each with its time."""
        return [(sentences.sentence(event), event.at) for event in self.events]

    def check(self, now: Parts) -> None:
        """Raise MovedMeanwhileError unless `now`, read under the lock, is what was compared."""
        if self.about and _digests(now) != _digests(self.now):
            raise MovedMeanwhileError

    @contextmanager
    def held(self, read: Callable[[], Parts | None]) -> Iterator[None]:
        """Save within: `read` locks what is stored and returns its parts, None where it is gone.

        Raises MovedMeanwhileError.
        """
        with transaction.atomic():
            if self.about:
                now = read()
                if now is None:
                    raise MovedMeanwhileError
                self.check(now)
            yield

    def _merge(self, about: About, post: QueryDict) -> None:
        base = Base.read(post.get(MADE_FROM, ""), about.key)
        self.is_lost, self.data = base is None, post.copy()
        self._base = base or Base({}, self._last, tuple(self.now))
        for name in {**self.now, **self.mine}:
            self._merge_part(name, post.get(f"{KEEP}{name}", ""))
        self.is_lost = self.is_lost and bool(self.conflicts)

    def _merge_part(self, name: str, choice: str) -> None:
        mine, now, was = self.mine.get(name), self.now.get(name), self._base.digests.get(name)
        if now is None:
            return
        if mine is None:
            self._take(now, now)
            if name in self._base.open and choice == MINE:  # a secret, which no page shows again
                self._oppose(name, now, Part(now.label, None, said=[_("Enter it again below.")]), choice)
            return
        if mine.digest == now.digest:
            return
        is_decided = choice in (THEIRS, MINE) and was == now.digest
        if name in self._base.open and not is_decided:
            self._oppose(name, now, mine, choice)
        elif choice == THEIRS if name in self._base.open else mine.digest == was:
            self._take(mine, now)
            self.stands.add(name)
        elif now.digest != was:
            self._oppose(name, now, mine, choice)

    def _take(self, mine: Part, now: Part) -> None:
        """Put what is stored where the person's inputs were."""
        for name in mine.inputs:
            self.data.pop(name, None)
        for name, values in now.inputs.items():
            self.data.setlist(name, list(values))
            if not values:
                del self.data[name]

    def _oppose(self, name: str, now: Part, mine: Part, choice: str) -> None:
        known = {name, *now.audited}
        is_of_several = bool(self.about and self.about.ids)
        events = [one for one in self.events if not is_of_several or name.endswith(f".{one.object_id}")]
        event = next((one for one in events if known & set(one.changes)), None)
        self.conflicts.append(Conflict(name, now, mine, event, choice))


@dataclass(frozen=True)
class Carried:
    """A form that is shown again before it is sent, made from what it was made from."""

    made_from: str


def again_if_moved(view: _View) -> _View:
    """Answer a request anew where something was saved between its comparison and its save, or took its locks."""

    @wraps(view)
    def answer(request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        for _try in range(MOST_TRIES - 1):
            try:
                return view(request, *args, **kwargs)
            except Http404:
                if found := _removed(request):
                    return _gone(request, found)
                raise
            except MovedMeanwhileError:
                continue
            except OperationalError as error:
                if not isinstance(error.__cause__, DeadlockDetected):
                    raise
        return view(request, *args, **kwargs)

    return answer  # type: ignore[return-value]


def _removed(request: Any) -> AuditEvent | None:
    """Return the removal of what the sent form was about; None if it was not removed, or the form is not ours."""
    try:
        key = str(_SIGNER.unsign_object(request.POST.get(MADE_FROM, "")[:LONGEST])[0])
    except (signing.BadSignature, ValueError):
        return None
    _form, name, pk = key.rsplit(" ", 2)
    found = AuditEvent.objects.filter(environment=getattr(request, "environment", None), action__in=REMOVALS)
    return found.filter(object_type=name, object_id=pk).order_by("-at", "-pk").first()


def _gone(request: Any, event: AuditEvent) -> HttpResponse:
    """Say who removed it and when. In a panel what was typed stays; a browser has it on the page before."""
    context = {"event": event, "who": sentences.who(event)}
    if not getattr(request, "htmx", None):
        return TemplateResponse(request, "gone.html", context, status=410)
    into = {"HX-Retarget": "#panel .panel-body", "HX-Reswap": "afterbegin"}
    return TemplateResponse(request, "gone.html#notice", context, status=422, headers=into)


def _digests(parts: Parts) -> dict[str, str]:
    return {name: part.digest for name, part in parts.items()}
