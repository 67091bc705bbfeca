"""What every list has: links that open rows, boxes that select them, and commands. Loaded through `waybill`."""

from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from roles.templatetags.pieces import icon

register = template.Library()


def _opens(url: str, in_panel: bool) -> SafeString:
    """Return the attributes of a link to `url`, which opens the panel or a page."""
    return format_html(' href="{}" hx-get="{}" hx-target="#panel"' if in_panel else ' href="{}"', url, url)


@register.simple_tag
def row_link(
    label: str, url: str, key: Any = "", more: str = "", *, panel: bool = True, named: bool = True
) -> SafeString:
    """Return the link that opens a row; `key` is the id of what it is about, `more` is said to screen readers only.

    A label that is not a name (`named=False`) may be translated by browsers.
    """
    return format_html(
        '<a class="row-link"{}{}{}>{}{}</a>',
        format_html(' id="open-{}"', str(key)) if key else "",
        _opens(url, panel),
        mark_safe(' translate="no"' if named else ""),  # noqa: S308 - a constant
        label,
        format_html('<span class="visually-hidden"> · {}</span>', more) if more else "",
    )


@register.simple_tag
def select_box(key: Any, name: str) -> SafeString:
    """Return the box that selects a row, for the commands of the bar."""
    return format_html(
        '<label><input type="checkbox" name="id" value="{0}" form="bulk" id="select-{0}" data-select'
        ' aria-label="{1}"></label>',
        str(key),
        name,
    )


@register.simple_tag
def select_all(label: str) -> SafeString:
    """Return the heading of the boxes, with the box that selects all rows of the page."""
    return format_html(
        '<th class="cell-select"><label><input type="checkbox" data-select-all aria-label="{}"></label></th>', label
    )


@register.simple_tag
def command_link(
    icon_name: str, label: str, url: str, css: str = "", *, panel: bool = True, primary: bool = False
) -> SafeString:
    """Return a command of the page, which opens the panel or a page."""
    kinds = " ".join(filter(None, ["command", "command-primary" if primary else "", css]))
    return format_html('<a class="{}"{}>{}{}</a>', kinds, _opens(url, panel), icon(icon_name), label)


@register.simple_tag
def command_row(icon_name: str, label: str, action: str, needs: str = "") -> SafeString:
    """Return a command on the one selected row: that which the row's own menu calls `action`."""
    return format_html(
        '<button type="button" class="command" data-when="one" data-row-action="{}"{}>{}{}</button>',
        action,
        _needs(needs),
        icon(icon_name),
        label,
    )


@register.simple_tag
def command_rows(icon_name: str, label: str, url: str, needs: str = "", *, asks: bool = True) -> SafeString:
    """Return a command on all selected rows; it asks in the panel first, unless it acts at once."""
    by = (
        'hx-get="{}" hx-include="[data-select]" hx-target="#panel"'
        if asks
        else 'hx-post="{}" hx-include="#bulk, [data-select]" hx-swap="none"'
    )
    return format_html(
        '<button class="command" data-when="some"{} form="bulk" formaction="{}" {}>{}{}</button>',
        _needs(needs),
        url,
        format_html(by, url),
        icon(icon_name),
        label,
    )


def _needs(right: str) -> SafeString | str:
    return format_html(' data-needs="{}"', right) if right else ""
