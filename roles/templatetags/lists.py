"""Sorting, searching and paging by the URL. Loaded through the library `waybill`."""

from typing import Any
from urllib.parse import urlencode

from django import template
from django.core.paginator import Page
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from roles.templatetags.pieces import icon, of
from roles.ui.words import number

register = template.Library()

POLLED = ("shown", "head", "all")  # what a list's poll says of the page: no link of the page repeats it


@register.simple_tag(takes_context=True)
def with_query(context: template.RequestContext, path: str = "", **changes: Any) -> str:
    """Return this page's URL, or `path`, with its query changed; None takes a parameter away."""
    request = context["request"]
    query = {name: values for name, values in request.GET.lists() if name not in changes}
    query |= {name: [str(value)] for name, value in changes.items() if value is not None}
    return (path or request.path) + (f"?{urlencode(query, doseq=True)}" if query else "")


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
    url = with_query(context, path, sort=f"-{key}" if order == "ascending" else key, page=None)
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


@register.simple_tag(takes_context=True)
def filter_chip(
    context: template.RequestContext,
    name: str,
    value: str,
    label: str,
    current: str = "",
    path: str = "",
    **options: Any,
) -> SafeString:
    """Return a chip that filters the list by ?name=value, or shows all of it without a value.

    `current` is the value in force. Options: count, look (a tone with its icon), id (the start of it), clears (other
    parameters to take away).
    """
    away = ["page", *POLLED, *options.get("clears", "").split()]
    url = with_query(context, path, **{name: value or None}, **dict.fromkeys(away))
    count, look = options.get("count"), options.get("look")
    return format_html(
        '<a class="chip{}" id="{}-{}" href="{}"{}{}>{}{}{}</a>',
        f" tone-{look.tone}" if look else "",
        options.get("id", "filter"),
        value or "all",
        url,
        _swap(url, "#list"),
        mark_safe(' aria-current="true"') if (value or "") == (current or "") else "",
        icon(look.icon, "icon-small") if look else "",
        label,
        "" if count is None else format_html(' <span class="num">{}</span>', number(count)),
    )


@register.inclusion_tag("components/page_link.html")
def page_link(url: str, text: str, way: str, target: str = "#list") -> dict[str, Any]:
    """Lay out the link to the page before (`way` "previous") or after ("next")."""
    return {"url": url, "text": text, "is_next": way == "next", "swap": _swap(url, target)}


@register.inclusion_tag("components/pagination.html", takes_context=True)
def pagination(context: template.RequestContext, page: Page[Any], target: str = "", path: str = "") -> dict[str, Any]:
    """Lay out the way to the pages before and after; nothing when all fits on one."""
    urls = {"target": target}
    if page.has_previous():
        urls["previous_url"] = with_query(context, path, page=page.previous_page_number())
    if page.has_next():
        urls["next_url"] = with_query(context, path, page=page.next_page_number())
    return {"page": page, **urls}


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
def switch_url(context: template.RequestContext, slug: str) -> str:
    """Return the address of the section shown now, in the environment `slug`."""
    environment = context["environment"]
    for group in context.get("navigation") or ():
        for item in of(group, "items", ()):
            if of(item, "is_current"):
                return str(of(item, "url")).replace(f"/e/{environment.slug}/", f"/e/{slug}/", 1)
    return f"/e/{slug}/"
