"""The pane's browser in tests: what it sends, and what can be read of what comes back."""

import re
from html import unescape

from django.urls import reverse

from roles.roles import Role
from tests.factories import client_of, make_connection, make_environment, make_member, make_segment, make_table

PANEL = {"HX-Request": "true", "HX-Target": "panel"}
FIELDS = ["CustomerId", "FirstName", "LastName", "Email", "City", "Income", "JoinedOn"]


class Pane:
    """One environment with a segment and a shared connection, and the contributor's browser."""

    def __init__(self, role=Role.CONTRIBUTOR, **environment):
        self.environment = make_environment(**environment)
        self.client = client_of(make_member(self.environment, role, "carl"))
        self.add_data()

    def add_data(self):
        self.table = make_table(self.environment)
        self.segment = make_segment(self.table, "Everybody")
        self.connection = make_connection(self.environment, "Partner")

    def url(self, name="add", **kwargs):
        return reverse(f"exports:{name}", kwargs={"environment": self.environment.slug, **kwargs})

    def form(self, order=FIELDS, names=None, left_out=(), **changes):
        """What a browser sends; `names` are those in the file, by field."""
        key = self.table.pk
        return {
            "connection": self.connection.pk,
            "name": "Weekly",
            "description": "",
            "segments": [self.segment.pk],
            "schedule_mode": "off",
            "refreshes_segments": "on",
            f"order-{key}": order,
            f"column-{key}": [(names or {}).get(field, field) for field in order],
            f"include-{key}": [field for field in order if field not in left_out],
        } | changes

    def send(self, to="add", /, headers=None, pk=None, **form):
        return self.client.post(self.url(to, **({"pk": pk} if pk else {})), self.form(**form), headers=headers or {})


def text_of(response):
    return unescape(response.content.decode())


def heads(response):
    """The columns of the preview."""
    preview = response.content.decode().partition('id="export-preview"')[2]
    found = re.findall(r'<th scope="col">(.*?)</th>', preview)
    return [unescape(re.sub(r"<small>.*?</small>", "", head)).strip() for head in found]


def rows(response):
    preview = response.content.decode().partition('id="export-preview"')[2].partition("</section>")[0]
    return [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(<td>.*?)</tr>", preview)]


def value_of(response, name):
    """The value of the first input called `name`."""
    return unescape(re.search(rf'name="{name}" value="([^"]*)"', response.content.decode())[1])


def boxes(response, name):
    """What the boxes of a check list are: value to "checked", "disabled" or ""."""
    found = re.findall(rf'<input type="checkbox" name="{name}" value="(\d+)"([^>]*)>', response.content.decode())
    return {
        int(value): next((word for word in ("checked", "disabled") if f" {word}" in rest), "") for value, rest in found
    }


def line_of(response, label):
    """The whole line of a check list in which `label` stands, as text."""
    lines = re.findall(r"<li data-pick>(.*?)</li>", response.content.decode(), re.DOTALL)
    line = next(line for line in lines if f">{label}<" in line)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", line)).split())
