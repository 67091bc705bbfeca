"""Small charts, drawn as SVG and readable as a list. Loaded through the library `waybill`."""

from collections.abc import Iterator, Sequence
from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from roles.templatetags.pieces import of

register = template.Library()
WIDTH, BAR, TALLEST, GAP = 28, 20, 44, 8  # pixels; a chart below the other for each series


@register.simple_tag
def columns(items: Sequence[Any], series: Sequence[tuple[str, str]], label: str) -> SafeString:
    """Return a column for each item, each a link, with a bar for each of `series` (name, words for its highest).

    An item has id, url, values (one for each series), tone, words (all that it says) and is_current. The words of
    the item under the pointer or the keyboard, else of the current one, else of the last, stand below.
    """
    tops = [max((of(item, "values")[place] for item in items), default=0) or 1 for place in range(len(series))]
    return format_html(
        '<figure class="columns" aria-label="{0}"><div class="columns-series" aria-hidden="true">{1}</div>'
        "<ol>{2}</ol></figure>",
        label,
        format_html_join("", "<span><b>{}</b> {}</span>", series),
        format_html_join("", "<li>{}</li>", ((_column(item, tops),) for item in items)),
    )


def _column(item: Any, tops: Sequence[float]) -> SafeString:
    height = (TALLEST + GAP) * len(tops)
    return format_html(
        '<a class="column tone-{0}" id="{1}" href="{2}" hx-get="{2}" hx-target="#panel"{3}>'
        '<svg width="{4}" height="{5}" viewBox="0 0 {4} {5}" aria-hidden="true">{6}</svg>'
        '<span class="column-words">{7}</span></a>',
        of(item, "tone"),
        of(item, "id"),
        of(item, "url"),
        mark_safe(' aria-current="true"') if of(item, "is_current") else "",
        WIDTH,
        height,
        format_html_join("", BAR_SHAPE, _shapes(of(item, "values"), tops)),
        of(item, "words"),
    )


BAR_SHAPE = '<rect x="{}" y="{}" width="{}" height="{}" rx="2"/><line x1="0" y1="{}" x2="{}" y2="{}"/>'


def _shapes(values: Sequence[float], tops: Sequence[float]) -> Iterator[tuple[Any, ...]]:
    """Yield what each bar and its ground line are drawn with; the smallest bar is high enough to be seen."""
    for place, (value, top) in enumerate(zip(values, tops, strict=True)):
        ground = (TALLEST + GAP) * (place + 1) - 1
        height = max(3.0, (TALLEST - 1) * value / top)
        line = f"{ground + 0.5:.1f}"
        yield (WIDTH - BAR) // 2, f"{ground - height:.1f}", BAR, f"{height:.1f}", line, WIDTH, line
