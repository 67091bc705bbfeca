"""Small pieces of a page: icons, states, times, facts. Loaded through the library `waybill`."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

from django import template
from django.templatetags.static import static as address_of
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from roles.ui.locales import percent
from roles.ui.words import NONE, Clock, duration, exact_time, number, size, time_without_zone, zone_in_words

register = template.Library()
register.filter(number)
register.filter(duration)
register.filter(size)
register.filter(percent)

SPRITE = "icons/sprite.svg"
TONE_ICONS = {
    "neutral": "dashed-circle",
    "running": "run",
    "success": "check-circle",
    "warning": "alert-triangle",
    "danger": "alert-circle",
    "held": "pause-circle",
    "info": "info",
}


@lru_cache(maxsize=1)
def icon_names() -> frozenset[str]:
    """Return the names that the sprite offers."""
    sprite = Path(__file__).resolve().parents[2] / "static" / SPRITE
    return frozenset(re.findall(r'<symbol id="([\w-]+)"', sprite.read_text()))


@register.simple_tag
@lru_cache(maxsize=512)
def static(path: str) -> str:
    """Return the address of a static file, which each page asks for two dozen times; it stays while a process runs."""
    return address_of(path)


@register.simple_tag
@lru_cache(maxsize=512)
def icon(name: str, css: str = "", label: str = "") -> SafeString:
    """Return icon `name` of the sprite; decoration unless it has a label. Unknown names raise ValueError."""
    if name not in icon_names():
        raise ValueError(f"Unknown icon {name!r}, must be one of: {', '.join(sorted(icon_names()))}")
    return format_html(
        '<svg class="icon {}" {}><use href="{}#{}"/></svg>',
        css,
        format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"'),
        static(SPRITE),
        name,
    )


@register.simple_tag
@lru_cache(maxsize=512)
def tile(letters: str, tone: str = "gray", size: str = "") -> SafeString:
    """Return the two letters of a connection type on its colour; decoration beside the type's name."""
    return format_html(
        '<span class="tile tile-{}{}" aria-hidden="true">{}</span>',
        tone,
        " tile-large" if size else "",
        letters,
    )


@register.simple_tag
def state(tone: str, label: str, reason: str = "", icon_name: str = "", percent: float | None = None) -> SafeString:
    """Return a state as icon, words and reason; `percent` (0 to 100) adds a bar."""
    return format_html(
        '<span class="state tone-{}">{}<span class="state-text"><span class="clamp"><span>{}{}</span></span>{}</span>'
        "</span>",
        tone,
        icon(icon_name or TONE_ICONS[tone]),
        label,
        format_html(' · <span class="state-reason">{}</span>', reason) if reason else "",
        "" if percent is None else progress(percent, label=label),
    )


@register.simple_tag
def status(found: Any) -> SafeString:
    """Return a status with its `look`, `reason` and `percent`."""
    return state(found.look.tone, found.look.label, found.reason, found.look.icon, found.percent)


@register.simple_tag
def progress(value: float | None, top: float = 100, label: str = "") -> SafeString:
    """Return a bar of `value` of `top`; None means that the end is not known."""
    if value is None:
        return format_html('<progress aria-label="{}"></progress>', label)
    return format_html(
        '<progress value="{}" max="{}" aria-label="{}"></progress>',
        f"{value:.10g}",
        f"{top:.10g}",
        label or _("Progress"),
    )


@register.filter
def dash(value: Any) -> Any:
    """Return `value`, whole numbers grouped, or a dash for None and empty text."""
    if type(value) is int:
        return number(value)
    return NONE if value is None or value == "" else value


@register.simple_tag
def ago(value: datetime | None, empty: str = NONE, clock: Clock | None = None) -> SafeString | str:
    """Return a relative time with the exact one on hover, or `empty` for None; lists hand over their own `clock`."""
    if value is None:
        return empty
    clock = clock or Clock()
    moment, title = value.isoformat(timespec="seconds"), escape(clock.exact(value))
    # Lists hold one of these in each row: put together by hand, which takes half of format_html's time.
    return mark_safe(f'<time datetime="{moment}" title="{title}">{escape(clock.relative(value))}</time>')  # noqa: S308 - escaped


@register.simple_tag
def exact(value: datetime | None, empty: str = NONE, *, zone: bool = True) -> SafeString | str:
    """Return date, time and zone as a <time>, or `empty` for None; not `zone`: it is said by {% times_in %} above."""
    if value is None:
        return empty
    moment, told = value.isoformat(timespec="seconds"), exact_time(value)
    if zone:
        return format_html('<time datetime="{}">{}</time>', moment, told)
    return format_html('<time datetime="{}" title="{}">{}</time>', moment, told, time_without_zone(value))


@register.simple_tag
def times_in() -> str:
    """Return the zone in which the times of a page are, as a sentence."""
    return _("Times are in %(zone)s.") % {"zone": zone_in_words()}


@register.simple_tag
def copy(text: str, label: str = "", shown: int = 0) -> SafeString:
    """Return `text` as code, its first `shown` characters where given, with a button that copies all of it."""
    return format_html(
        '<span class="copy"><code>{}</code><button type="button" class="icon-button needs-js" data-copy="{}"'
        ' data-done-text="{}" aria-label="{}" title="{}">{}</button></span>',
        f"{text[:shown]}…" if shown else text,
        text,
        _("Copied"),
        label or _("Copy"),
        label or _("Copy"),
        icon("copy"),
    )


@register.filter
def of(item: Any, name: Any, default: Any = None) -> Any:
    """Return `name` of a mapping or an object."""
    return item.get(name, default) if isinstance(item, Mapping) else getattr(item, name, default)


@register.simple_tag
def facts(pairs: Iterable[tuple[str, Any]]) -> SafeString:
    """Return names and values as a list of facts; values that are empty show a dash."""
    return format_html(
        '<dl class="facts">{}</dl>',
        format_html_join("", "<div><dt>{}</dt><dd>{}</dd></div>", ((name, dash(value)) for name, value in pairs)),
    )
