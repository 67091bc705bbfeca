"""Items of menus. Loaded through the library `waybill`."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from roles.templatetags.pieces import icon

register = template.Library()


@register.simple_tag
def menu_link(icon_name: str, label: str, url: str, action: str = "", danger: bool = False) -> SafeString:
    """Return an item that opens `url` in the panel; `action` is what a command of the bar calls it."""
    return format_html(
        '<a class="{}"{} href="{}" hx-get="{}" hx-target="#panel">{}{}</a>',
        _css(danger),
        _named(action),
        url,
        url,
        icon(icon_name),
        label,
    )


@register.simple_tag(takes_context=True)
def menu_form(
    context: template.Context, icon_name: str, label: str, url: str, action: str = "", **options: str
) -> SafeString:
    """Return an item that posts to `url` and shows the answer in the panel.

    Options: a hidden field's `name` and `value`; `swap="none"` where the answer is an event only.
    """
    name = options.get("name")
    return format_html(
        '<form method="post" action="{}" hx-post="{}"{}>'
        '<input type="hidden" name="csrfmiddlewaretoken" value="{}">{}<button class="menu-item"{}>{}{}</button></form>',
        url,
        url,
        _answer(options.get("swap", "")),
        context["csrf_token"],
        format_html('<input type="hidden" name="{}" value="{}">', name, options["value"]) if name else "",
        _named(action),
        icon(icon_name),
        label,
    )


@register.simple_tag
def menu_button(
    icon_name: str, label: str, url: str, pk: str | int, action: str = "", swap: str = "", danger: bool = False
) -> SafeString:
    """Return an item that posts the row's id to `url` by the page's form `one`, as the command of many rows does.

    What asks in a panel first, with no `swap`, gets that panel by its address.
    """
    by = mark_safe('hx-post="{}" hx-include="#one"' if swap else 'hx-get="{}"')  # noqa: S308 - constants
    return format_html(
        '<button class="{}"{} form="one" formaction="{}" name="id" value="{}" {}{}>{}{}</button>',
        _css(danger),
        _named(action),
        url,
        str(pk),
        format_html(by, url),
        _answer(swap),
        icon(icon_name),
        label,
    )


def _css(danger: bool) -> str:
    return "menu-item menu-item-danger" if danger else "menu-item"


def _named(action: str) -> SafeString | str:
    return format_html(' data-action="{}"', action) if action else ""


def _answer(swap: str) -> SafeString:
    """Return where the answer goes: into the panel, or as `swap` says."""
    return format_html(' hx-swap="{}"', swap) if swap else mark_safe(' hx-target="#panel"')
