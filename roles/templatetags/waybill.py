"""Template tags of the components, a builtin library; docs/components.md shows each of them."""

from collections.abc import Iterable, Sequence
from typing import Any

from django import template
from django.forms import BaseForm, BoundField, CheckboxInput
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from roles.templatetags import charts, lists, menus, pieces, rows
from roles.templatetags.pieces import TONE_ICONS, icon, of
from roles.ui import keys
from roles.ui.counted import counted, forms_of

register = template.Library()
for part in (pieces.register, lists.register, rows.register, menus.register, charts.register):
    register.tags |= part.tags
    register.filters |= part.filters

register.simple_tag(counted)
register.simple_tag(forms_of, name="counted_forms")

MESSAGE_TONES = {"error": "danger", "debug": "info"}


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
def panel_header(
    context: template.RequestContext, title: str, subtitle: str = "", close: str = "", named: str = ""
) -> SafeString:
    """Return the head of a panel; `close` is the page to go to when the panel is a page of its own.

    `named` says which of "title" and "subtitle" is a name, which no browser translates.
    """
    request = context.get("request")
    return format_html(
        '<header class="panel-header"><div class="panel-heading">'
        '<{0} class="panel-title" id="panel-title" tabindex="-1"{6}>{1}</{0}>{2}</div>'
        '<button type="button" class="icon-button panel-link needs-js" data-copy data-done-text="{7}" aria-label="{8}"'
        ' title="{8}">{9}</button>'
        '<a class="icon-button" href="{3}" data-close aria-label="{4}" title="{4}">{5}</a></header>',
        "h2" if getattr(request, "htmx", False) else "h1",
        title,
        format_html('<p class="panel-subtitle"{}>{}</p>', _untranslated("subtitle", named), subtitle)
        if subtitle
        else "",
        close or "../",
        _("Close"),
        icon("close"),
        _untranslated("title", named),
        _("Link copied."),
        _("Copy link"),
        icon("link"),
    )


def _untranslated(what: str, named: str) -> SafeString:
    return mark_safe(' translate="no"' if what in named.split() else "")  # noqa: S308 - a constant


@register.simple_tag(takes_context=True)
def section_title(context: template.RequestContext, title: str, hint: str = "", **attributes: str) -> SafeString:
    """Return a section's heading: h3 below the h2 of a dialog, h2 below the h1 of a page; `id`, if wanted.

    Where a part is laid out without its request `section_tag` in the context says which.
    """
    in_dialog = getattr(context.get("request"), "htmx", False)
    return format_html(
        '<{0} class="section-title"{1}>{2}{3}</{0}>',
        context.get("section_tag") or ("h3" if in_dialog else "h2"),
        format_html(' id="{}"', attributes["id"]) if attributes.get("id") else "",
        title,
        format_html(' <span class="field-hint">{}</span>', hint) if hint else "",
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


@register.inclusion_tag("components/checklist.html")
def checklist(
    name: str, items: Iterable[Any], legend: str, errors: Sequence[str] = (), **options: Any
) -> dict[str, Any]:
    """Lay out choices with counts. Options: counts ("selected") and sums ("members") of COUNTED, help, disabled, id."""
    rows = [
        {key: of(item, key) for key in ("value", "label", "count", "checked", "disabled", "reason", "warning")}
        for item in items
    ]
    chosen = [row for row in rows if row["checked"]]
    return {
        **options,
        "name": name,
        "items": rows,
        "legend": legend,
        "errors": errors,
        "id": options.get("id") or f"id_{name}",
        "chosen": len(chosen),
        "sum": sum(row["count"] or 0 for row in chosen),
    }


@register.inclusion_tag("components/keys.html")
def keys_dialog() -> dict[str, Any]:
    """Lay out the list of keys, which static/keys.js listens by."""
    return {
        "groups": [
            (
                heading,
                [
                    {
                        "name": key.name,
                        "text": key.text,
                        "listened": " ".join(key.keys),
                        "caps": [keys.caps(one) for one in key.keys],
                    }
                    for key in group
                ],
            )
            for heading, group in keys.GROUPS
        ]
    }


@register.inclusion_tag("components/steps.html")
def steps(items: Iterable[Any]) -> dict[str, Any]:
    """Lay out steps, each with tone, label and, if wanted, icon, detail, aside, percent."""
    names = ("tone", "label", "icon", "detail", "aside", "percent")
    rows = [{name: of(item, name) for name in names} for item in items]
    return {"items": [row | {"icon": row["icon"] or TONE_ICONS[row["tone"]]} for row in rows]}


@register.inclusion_tag("components/record_table.html")
def record_table(
    columns: Sequence[Any], rows: Iterable[Sequence[Any]], label: str, are_data: bool = False
) -> dict[str, Any]:
    """Lay out a few records; a column is a name, or (name, note). What `are_data` no browser translates."""
    heads = [column if isinstance(column, tuple) else (column, "") for column in columns]
    return {"heads": heads, "rows": rows, "label": label, "are_data": are_data}
