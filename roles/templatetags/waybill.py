"""Template tags of the components, a builtin library; docs/components.md shows each of them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from django import template
from django.core.paginator import Page
from django.forms import BaseForm, BoundField, CheckboxInput
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from roles.words import NONE, duration, exact_time, number, relative

register = template.Library()
register.filter(number)
register.filter(duration)

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
MESSAGE_TONES = {"error": "danger", "debug": "info"}


@lru_cache(maxsize=1)
def icon_names() -> frozenset[str]:
    """Return the names that the sprite offers."""
    sprite = Path(__file__).resolve().parents[2] / "static" / SPRITE
    return frozenset(re.findall(r'<symbol id="([\w-]+)"', sprite.read_text()))


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
        '<span class="state tone-{}">{}<span class="state-text"><span>{}{}</span>{}</span></span>',
        tone,
        icon(icon_name or TONE_ICONS[tone]),
        label,
        format_html(' · <span class="state-reason">{}</span>', reason) if reason else "",
        "" if percent is None else progress(percent, label=label),
    )


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
def ago(value: datetime | None, empty: str = NONE) -> SafeString | str:
    """Return a relative time with the exact one on hover, or `empty` for None."""
    if value is None:
        return empty
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        value.isoformat(timespec="seconds"),
        exact_time(value),
        relative(value, timezone.now()),
    )


@register.simple_tag
def exact(value: datetime | None, empty: str = NONE) -> SafeString | str:
    """Return date, time and zone as a <time>, or `empty` for None."""
    if value is None:
        return empty
    return format_html('<time datetime="{}">{}</time>', value.isoformat(timespec="seconds"), exact_time(value))


@register.simple_tag
def copy(text: str, label: str = "") -> SafeString:
    """Return `text` as code with a button that copies it."""
    return format_html(
        '<span class="copy"><code>{}</code><button type="button" class="icon-button needs-js" data-copy="{}"'
        ' data-done-text="{}" aria-label="{}" title="{}">{}</button></span>',
        text,
        text,
        _("Copied"),
        label or _("Copy"),
        label or _("Copy"),
        icon("copy"),
    )


@register.simple_block_tag
def notice(content: str, tone: str = "info", title: str = "", dismiss: bool = False) -> SafeString:
    """Return a notice around its content; warnings and dangers speak up, others wait their turn."""
    return format_html(
        '<div class="notice tone-{}" role="{}">{}<div class="notice-body">{}<div>{}</div></div>{}</div>',
        tone,
        "alert" if tone == "danger" else "status",
        icon(TONE_ICONS[tone]),
        format_html('<p class="notice-title">{}</p>', title) if title else "",
        content,
        _dismiss() if dismiss else "",
    )


def _dismiss() -> SafeString:
    """Return the button that takes a notice away."""
    return format_html(
        '<button type="button" class="icon-button notice-dismiss needs-js" data-dismiss aria-label="{}">{}</button>',
        _("Dismiss"),
        icon("close", "icon-small"),
    )


@register.filter
def message_tone(level_tag: str) -> str:
    """Return the tone of a message of the messages framework."""
    return MESSAGE_TONES.get(level_tag, level_tag if level_tag in TONE_ICONS else "info")


@register.simple_block_tag
def empty(content: str, title: str, icon_name: str = "folder") -> SafeString:
    """Return an empty place: icon, title, and one sentence with one next step as content."""
    return format_html(
        '<div class="empty">{}<p class="empty-title">{}</p><div class="empty-text">{}</div></div>',
        icon(icon_name),
        title,
        content,
    )


@register.simple_block_tag
def row_menu(content: str, label: str, align: str = "end") -> SafeString:
    """Return the ⋮ menu of a row around its items; `label` names the row, like "Actions for Call list"."""
    return format_html(
        '<details class="menu menu-{}" data-menu><summary class="icon-button" aria-label="{}" title="{}">{}</summary>'
        '<div class="menu-list">{}</div></details>',
        align,
        label,
        label,
        icon("more"),
        content,
    )


@register.simple_tag(takes_context=True)
def panel_header(context: template.RequestContext, title: str, subtitle: str = "", close: str = "") -> SafeString:
    """Return the head of a panel; `close` is the page to go to when the panel is a page of its own."""
    request = context.get("request")
    return format_html(
        '<header class="panel-header"><div class="panel-heading"><{0} class="panel-title" id="panel-title" tabindex="-1">'
        '{1}</{0}>{2}</div><a class="icon-button" href="{3}" data-close aria-label="{4}" title="{4}">{5}</a></header>',
        "h2" if getattr(request, "htmx", False) else "h1",
        title,
        format_html('<p class="panel-subtitle">{}</p>', subtitle) if subtitle else "",
        close or "../",
        _("Close"),
        icon("close"),
    )


def _field_kind(bound: BoundField) -> str:
    """Return how a field is laid out: check (one box), group (several inputs) or stack."""
    if isinstance(bound.field.widget, CheckboxInput):
        return "check"
    return "group" if bound.field.widget.use_fieldset else "stack"


@register.inclusion_tag("components/field.html")
def field(
    bound: BoundField, layout: str = "", label: str = "", hint: str = "", required: bool = True
) -> dict[str, Any]:
    """Lay out one field: label, control, help, errors. `layout`: row, narrow. `required=False` leaves the word out."""
    return {
        "bound": bound,
        "kind": _field_kind(bound),
        "layout": layout,
        "label": label or bound.label,
        "hint": hint,
        "says_required": required and bound.field.required and not bound.field.disabled,
    }


@register.inclusion_tag("components/form_errors.html")
def form_errors(form: BaseForm) -> dict[str, Any]:
    """Lay out what is wrong with a form: its own errors, and links to the fields that have some."""
    return {
        "own": form.non_field_errors(),
        "fields": [bound for bound in form.visible_fields() if bound.errors],
        "hidden": [bound for bound in form.hidden_fields() if bound.errors],
    }


def _of(item: Any, name: str, default: Any = None) -> Any:
    """Return `name` of a mapping or an object."""
    return item.get(name, default) if isinstance(item, Mapping) else getattr(item, name, default)


@register.inclusion_tag("components/checklist.html")
def checklist(
    name: str, items: Iterable[Any], legend: str, errors: Sequence[str] = (), **options: Any
) -> dict[str, Any]:
    """Lay out choices with counts. Options: summary ("{n} selected · {sum} people"), help, disabled, id."""
    rows = [
        {key: _of(item, key) for key in ("value", "label", "count", "checked", "disabled", "reason", "warning")}
        for item in items
    ]
    chosen = [row for row in rows if row["checked"]]
    total = sum(row["count"] or 0 for row in chosen)
    summary = options.get("summary", "")
    return {
        **options,
        "name": name,
        "items": rows,
        "legend": legend,
        "errors": errors,
        "id": options.get("id") or f"id_{name}",
        "summary": summary,
        "summary_now": summary.replace("{n}", number(len(chosen))).replace("{sum}", number(total)),
    }


@register.inclusion_tag("components/steps.html")
def steps(items: Iterable[Any]) -> dict[str, Any]:
    """Lay out steps, each with tone, label and, if wanted, icon, detail, aside, percent."""
    names = ("tone", "label", "icon", "detail", "aside", "percent")
    rows = [{name: _of(item, name) for name in names} for item in items]
    return {"items": [row | {"icon": row["icon"] or TONE_ICONS[row["tone"]]} for row in rows]}


@register.simple_tag
def facts(pairs: Iterable[tuple[str, Any]]) -> SafeString:
    """Return names and values as a list of facts; values that are empty show a dash."""
    return format_html(
        '<dl class="facts">{}</dl>',
        format_html_join("", "<div><dt>{}</dt><dd>{}</dd></div>", ((name, dash(value)) for name, value in pairs)),
    )


@register.inclusion_tag("components/record_table.html")
def record_table(columns: Sequence[Any], rows: Iterable[Sequence[Any]], label: str) -> dict[str, Any]:
    """Lay out a few records; a column is a name, or (name, note)."""
    heads = [column if isinstance(column, tuple) else (column, "") for column in columns]
    return {"heads": heads, "rows": rows, "label": label}


@register.simple_tag
def bars(items: Sequence[Any], label: str) -> SafeString:
    """Return small bars, oldest first; each has value and, if wanted, tone and title (said on hover)."""
    top = max((_of(item, "value") or 0 for item in items), default=0) or 1
    slot = 440 / max(len(items), 9)
    columns = []
    for place, item in enumerate(items):
        height = max(4.0, 68 * (_of(item, "value") or 0) / top)
        columns.append(
            (
                _of(item, "tone") or "success",
                _of(item, "title") or number(_of(item, "value")),
                f"{slot * place + slot * 0.16:.1f}",
                f"{72 - height:.1f}",
                f"{slot * 0.68:.1f}",
                f"{height:.1f}",
            )
        )
    return format_html(
        '<svg class="bars" viewBox="0 0 440 73" preserveAspectRatio="none" role="img" aria-label="{}">{}'
        '<line x1="0" y1="72.5" x2="440" y2="72.5"/></svg>',
        label,
        format_html_join(
            "",
            '<g class="tone-{}"><title>{}</title><rect x="{}" y="{}" width="{}" height="{}" rx="2"/></g>',
            columns,
        ),
    )


def _with_query(context: template.RequestContext, path: str = "", **changes: str | int | None) -> str:
    """Return this page's URL with its query changed; None takes a parameter away."""
    request = context["request"]
    query = request.GET.copy()
    for name, value in changes.items():
        query.pop(name, None)
        if value is not None:
            query[name] = str(value)
    return (path or request.path) + (f"?{query.urlencode()}" if query else "")


def _swap(url: str, target: str) -> SafeString:
    """Return the attributes that load `url` into `target` and into the address bar."""
    if not target:
        return mark_safe("")
    return format_html(' hx-get="{}" hx-target="{}" hx-swap="outerHTML" hx-push-url="true"', url, target)


@register.simple_tag(takes_context=True)
def sort_header(
    context: template.RequestContext,
    key: str,
    label: str,
    current: str = "",
    css: str = "",
    target: str = "",
    path: str = "",
) -> SafeString:
    """Return a sortable <th>. `current` is the sort in force, as "name" or "-name"; the link asks ?sort=…"""
    order = {key: "ascending", f"-{key}": "descending"}.get(current)
    url = _with_query(context, path, sort=f"-{key}" if order == "ascending" else key, page=None)
    arrow = {"ascending": "chevron-up", "descending": "chevron-down"}.get(order or "", "sort")
    return format_html(
        '<th scope="col" class="{}"{}><a class="sort" id="sort-{}" href="{}"{}>{}{}</a></th>',
        css,
        format_html(' aria-sort="{}"', order) if order else "",
        key,
        url,
        _swap(url, target),
        label,
        icon(arrow, "" if order else "sort-idle"),
    )


@register.inclusion_tag("components/pagination.html", takes_context=True)
def pagination(context: template.RequestContext, page: Page[Any], target: str = "", path: str = "") -> dict[str, Any]:
    """Lay out the way to the pages before and after; nothing when all fits on one."""
    links = {}
    if page.has_previous():
        url = _with_query(context, path, page=page.previous_page_number())
        links["previous"] = {"url": url, "swap": _swap(url, target)}
    if page.has_next():
        url = _with_query(context, path, page=page.next_page_number())
        links["next"] = {"url": url, "swap": _swap(url, target)}
    return {"page": page, **links}


@register.inclusion_tag("components/search.html", takes_context=True)
def search_box(
    context: template.RequestContext, placeholder: str, target: str = "", name: str = "q", path: str = ""
) -> dict[str, Any]:
    """Lay out the search as you type; it keeps the other parameters of the URL, but for the page."""
    request = context["request"]
    kept = [(key, value) for key, value in request.GET.items() if key not in {name, "page"}]
    return {
        "placeholder": placeholder,
        "target": target,
        "name": name,
        "path": path or request.path,
        "value": request.GET.get(name, ""),
        "kept": kept,
    }


@register.simple_tag(takes_context=True)
def with_query(context: template.RequestContext, **changes: str | int | None) -> str:
    """Return this page's URL with its query changed; None takes a parameter away."""
    return _with_query(context, **changes)


@register.simple_tag(takes_context=True)
def switch_url(context: template.RequestContext, slug: str) -> str:
    """Return the address of the section shown now, in the environment `slug`."""
    environment = context["environment"]
    for group in context.get("navigation") or ():
        for item in _of(group, "items", ()):
            if _of(item, "is_current"):
                return str(_of(item, "url")).replace(f"/e/{environment.slug}/", f"/e/{slug}/", 1)
    return f"/e/{slug}/"
