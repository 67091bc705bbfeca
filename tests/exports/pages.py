"""The list of exports as a test reads it."""

import re
from html import unescape

from django.urls import reverse

from exports.models import Export, Run
from exports.models.states import State

OWNED = {"token": "00000000-0000-0000-0000-000000000001", "lease_until": "2099-01-01T00:00:00Z"}


def url(environment, name="list", **kwargs):
    return reverse(f"exports:{name}", kwargs={"environment": environment.slug, **kwargs})


def make_run(export, state=State.SUCCEEDED, **values):
    """Give `export` a last run in `state`."""
    owner = OWNED if state == State.RUNNING else {}
    run = Run.objects.create(
        environment=export.environment, export=export, state=state, trigger="person", **owner, **values
    )
    Export.objects.filter(pk=export.pk).update(last_run=run)
    return run


# Random letters may hold any short word.
RANDOM = re.compile(r"""(csrfmiddlewaretoken" value="|X-CSRFToken\W+|nonce=")[\w+/=-]+""")


def text_of(response):
    """The page without what is random in it."""
    return RANDOM.sub(r"\1", unescape(response.content.decode()))


def names(response):
    """The names in the list, as the page shows them."""
    return [unescape(name) for name in re.findall(r'class="row-link"[^>]*>([^<]*)</a>', response.content.decode())]


def cells(response, name):
    """The words of one row, cell by cell."""
    rows = re.findall(r"<tr id=.*?</tr>", response.content.decode(), re.DOTALL)
    row = next(row for row in rows if f">{name}</a>" in row)
    return [unescape(re.sub(r"<[^>]+>", " ", cell)).split() for cell in re.findall(r"<td.*?</td>", row, re.DOTALL)]
