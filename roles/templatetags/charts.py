"""Small charts, drawn as SVG and readable as a list. Loaded through the library `waybill`."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django import template

from roles.templatetags.pieces import of

register = template.Library()
MARK = 12  # pixels, wide and high


class Size(NamedTuple):
    """The measures of a chart in pixels; the bars of a series stand on its ground, below those of the one before."""

    step: int  # from one column to the next
    bar: int
    tallest: int
    least: float  # the smallest bar is high enough to be seen
    above: int  # the first series: there the marks stand
    gap: int  # below one series, before the next
    below: int  # the last series: there the labels stand
    radius: float

    def ground(self, place: int) -> int:
        """Return the y of the line on which the bars of series number `place` stand."""
        return self.above + (self.tallest + self.gap) * place + self.tallest


SIZES = {
    "wide": Size(step=32, bar=22, tallest=56, least=2, above=18, gap=10, below=18, radius=1.5),
    "narrow": Size(step=16, bar=11, tallest=56, least=2, above=18, gap=10, below=1, radius=1.5),
    "link": Size(step=28, bar=20, tallest=43, least=3, above=8, gap=9, below=1, radius=2),
}


@register.inclusion_tag("components/chart.html")
def chart(
    columns: Sequence[Any], series: Sequence[Any], size: str, title: str = "", description: str = ""
) -> dict[str, Any]:
    """Draw columns, each with `stacks` (bars for each of `series`), `mark` and `label`; SIZES has the sizes.

    One series has `top`, the value of its highest stack; a bar has value, tone and words.
    """
    measures = SIZES[size]
    starts = [place * measures.step for place in range(len(columns))]
    middle = measures.step // 2
    return {
        "title": title,
        "description": description,
        "size": measures,
        "width": measures.step * len(columns),
        "height": measures.ground(len(series) - 1) + measures.below,
        "grounds": [measures.ground(place) for place in range(len(series))],
        "bars": list(_bars(columns, [one.top for one in series], measures)),
        "marks": [
            {"x": start + (measures.step - MARK) // 2, "icon": column.mark.icon, "tone": column.mark.tone}
            for start, column in zip(starts, columns, strict=True)
            if column.mark
        ],
        "labels": [
            {"x": start + middle, "text": column.label}
            for start, column in zip(starts, columns, strict=True)
            if column.label
        ],
    }


def _bars(columns: Sequence[Any], tops: Sequence[float], size: Size) -> Iterator[dict[str, Any]]:
    """Yield the bars with their place, one series after the other."""
    for series, top in enumerate(tops):
        for place, column in enumerate(columns):
            y = float(size.ground(series))
            for bar in column.stacks[series]:
                height = round(max(size.least, size.tallest * bar.value / (top or 1)), 1)
                y -= height
                x = place * size.step + (size.step - size.bar) // 2
                yield {"x": x, "y": y, "height": height, "tone": bar.tone, "words": bar.words}


@register.inclusion_tag("components/columns.html")
def columns(items: Sequence[Any], series: Sequence[Any], label: str) -> dict[str, Any]:
    """Lay out a column for each item, each a link, with a bar for each of `series` (name, top, words for the highest).

    An item has id, url, column (as of a chart), tone, words (all that it says) and is_current. The words of
    the item under the pointer or the keyboard, else of the current one, else of the last, stand below.
    """
    return {"items": [(item, [of(item, "column")]) for item in items], "series": series, "label": label}
