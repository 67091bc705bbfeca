"""Settings > Alerts > Channels: where alerts go, for administrators."""

from typing import Any

from django.conf import settings
from django.db import IntegrityError
from django.http import Http404, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from exports.alerts import actions
from exports.alerts.pages.forms import ChannelForm
from exports.alerts.standing import standing_of, unreached, with_standing
from exports.models import AlertChannel, AlertDelivery, ChannelKind, DeliveryState
from roles.access.policy import EnvironmentRequest, requires
from roles.audit.gone import AlreadyGoneError
from roles.edits.edit import About, Edit, again_if_moved
from roles.edits.parts import Part
from roles.permissions import Permission
from roles.ui.htmx import done, render, render_panel
from roles.ui.panels import panel

CHANGED = "alerts:changed"
ABOUT = {
    ChannelKind.EMAIL: ("user", gettext_lazy("People of this environment, at their account's e-mail address.")),
    ChannelKind.WEBHOOK: ("link", gettext_lazy("Any endpoint: signed JSON (Standard Webhooks).")),
    ChannelKind.SLACK: (
        "send",
        gettext_lazy("An incoming webhook of Slack or a compatible chat."),
    ),
    ChannelKind.TEAMS: ("people", gettext_lazy("A Microsoft Teams workflow with a webhook trigger.")),
}


@requires(Permission.MANAGE_SYSTEM)
@require_safe
def list_page(request: EnvironmentRequest) -> TemplateResponse:
    """The channels."""
    found = with_standing(request.environment)
    rows = [(channel, standing_of(channel), len(unreached(channel.people.all()))) for channel in found]
    return render(request, "alerts/channels.html", {"rows": rows}, partial="list", target="list")


@requires(Permission.MANAGE_SYSTEM)
@panel
@require_safe
def add(request: EnvironmentRequest) -> TemplateResponse:
    """Choose a kind."""
    kinds = [
        {"label": kind.label, "icon": icon, "text": text, "url": _url(request, "set_up", kind=kind.value)}
        for kind, (icon, text) in ABOUT.items()
    ]
    return render_panel(request, "alerts/add.html", {"kinds": kinds, "list_url": _url(request, "channels")})


@requires(Permission.MANAGE_SYSTEM)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
def set_up(request: EnvironmentRequest, kind: str) -> HttpResponse:
    """Add a channel of one kind."""
    if kind not in ChannelKind.values:
        raise Http404
    return _edit(request, AlertChannel(environment=request.environment, kind=kind))


@requires(Permission.MANAGE_SYSTEM)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
@again_if_moved
def edit(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """See and change a channel; its address and secret are only ever replaced."""
    return _edit(request, _load(request, pk))


@requires(Permission.MANAGE_SYSTEM)
@require_POST
def switch(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Switch a channel on or off."""
    channel, is_on = _load(request, pk), request.POST.get("on") == "1"
    actions.switch(channel, is_on=is_on, by=request.user)
    text = _("“%(name)s” switched on.") if is_on else _("“%(name)s” switched off. No alerts are sent to it.")
    return done(request, _url(request, "channels"), text % {"name": channel.name}, changed=CHANGED)


@requires(Permission.MANAGE_SYSTEM)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
def test(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Send a test message, and show how it goes."""
    channel = _load(request, pk)
    if request.method == "POST":
        actions.send_test(channel, by=request.user)
        if not request.htmx:
            return HttpResponseRedirect(_url(request, "test", pk=pk))
    context = _test_context(request, channel)
    if request.htmx and request.htmx.target == "test-state":
        if request.GET.get("shown") == context["state"]:
            return HttpResponse(status=204)
        return render(request, "alerts/test.html#state", context)
    return render_panel(request, "alerts/test.html", context)


@requires(Permission.MANAGE_SYSTEM)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Ask, then remove a channel."""
    channel = _load(request, pk)
    if request.method == "POST":
        text = _("Channel “%(name)s” removed.") % {"name": channel.name}
        try:
            actions.remove(channel, by=request.user)
        except AlreadyGoneError as error:
            text = str(error)
        return done(request, _url(request, "channels"), text, changed=CHANGED)
    return render_panel(request, "alerts/remove.html", {"channel": channel, "list_url": _url(request, "channels")})


def _edit(request: EnvironmentRequest, channel: AlertChannel) -> HttpResponse:
    post = request.POST if request.method == "POST" else None
    edit = _compared(channel, post)
    form = ChannelForm(channel, edit.data)
    if edit.is_settled and form.is_valid():
        try:
            with edit.held(lambda: _locked(channel)):
                made = actions.save(channel, form.draft(), by=request.user)
        except IntegrityError:
            form.add_error("name", _("Another channel has this name."))
        else:
            return _saved(request, channel, made)
    context = {"form": form, "edit": edit, "channel": channel, "list_url": _url(request, "channels")}
    context["lacks_mail"] = channel.kind == ChannelKind.EMAIL and not settings.MAIL_IS_SET_UP
    if channel.pk:
        context |= {
            name: _url(request, name.removesuffix("_url"), pk=channel.pk) for name in ("test_url", "remove_url")
        }
    return render_panel(request, "alerts/form.html", context, status=422 if form.is_bound else 200)


def _compared(channel: AlertChannel, post: QueryDict | None) -> Edit:
    if channel.pk is None:
        return Edit(None, post=post)
    shown = ChannelForm(channel)
    mine = shown.parts(post) if post is not None else {}
    return Edit(About("channel", channel, channel.environment), shown.parts(), post, mine)


def _locked(channel: AlertChannel) -> dict[str, Part] | None:
    found = AlertChannel.objects.select_related("environment").select_for_update(of=("self",)).filter(pk=channel.pk)
    row = found.first()
    return ChannelForm(row).parts() if row else None


def _saved(request: EnvironmentRequest, channel: AlertChannel, made: str) -> HttpResponse:
    """Show the secret that was made, once, and how a test goes where one was asked for; else close the pane."""
    tests = request.POST.get("then") == "test"
    if tests:
        actions.send_test(channel, by=request.user)
    if made or (tests and request.htmx):
        context = {"secret": made, "tests": tests} | _test_context(request, channel)
        response = render_panel(request, "alerts/secret.html" if made else "alerts/test.html", context)
        response.headers["HX-Trigger-After-Swap"] = f'{{"{CHANGED}": true, "panel:saved": true}}'
        response.headers["Cache-Control"] = "no-store"
        return response
    if tests:
        return HttpResponseRedirect(_url(request, "test", pk=channel.pk))
    text = _("Channel “%(name)s” saved.") % {"name": channel.name}
    return done(request, _url(request, "channels"), text, changed=CHANGED)


def _test_context(request: EnvironmentRequest, channel: AlertChannel) -> dict[str, Any]:
    """The last test of `channel`, for the page."""
    sent = AlertDelivery.objects.filter(channel=channel, alert=None).order_by("-pk").first()
    state = sent.state if sent else ""
    own: dict[str, Any] = {"list_url": _url(request, "channels"), "test_url": _url(request, "test", pk=channel.pk)}
    is_waiting = state == DeliveryState.WAITING
    # One that is tried again is told of as soon as the first try is over.
    own |= {"is_waiting": is_waiting, "is_put_off": bool(is_waiting and sent and sent.error)}
    return own | {"channel": channel, "sent": sent, "state": f"{state} {sent.tries}" if sent else ""}


def _load(request: EnvironmentRequest, pk: int) -> AlertChannel:
    found = AlertChannel.objects.select_related("environment")
    return get_object_or_404(found, pk=pk, environment=request.environment)


def _url(request: EnvironmentRequest, name: str, **kwargs: Any) -> str:
    return reverse(f"alerts:{name}", kwargs={"environment": request.environment.slug, **kwargs})
