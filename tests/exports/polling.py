"""A page as a browser shows it: it knows its rows' versions, asks for what has changed, and takes that in."""

import re
from html import unescape
from urllib.parse import parse_qsl, urlsplit

from django.db import connection
from django.test.utils import CaptureQueriesContext

POLL = re.compile(r'<(?=[^>]*\bid="((?:list|progress|test|guide)-poll)")(?=[^>]*hx-get="([^"]*)")[^>]*>')
ROW = re.compile(r'data-key="([\w-]+)" data-version="(\w*)"')


class Page:
    """A page that was opened and has asked once: from then on the server knows what it shows."""

    def __init__(self, client, address, query=None, headers=None):
        self.client, self.rows, self.signature = client, {}, "1"
        self._see(client.get(address, query, headers=headers))
        assert self.ask().status_code == 204

    def _see(self, response):
        html = response.content.decode()
        self.rows |= dict(ROW.findall(html))
        if poll := POLL.search(html):
            self.target, self.address = poll[1], unescape(poll[2])
            self.trigger = re.search(r'hx-trigger="([^"]*)"', poll[0])[1]

    def ask(self):
        """Ask whether anything has changed, and show that."""
        query = dict(parse_qsl(urlsplit(self.address).query))
        if self.rows:
            query["shown"] = ",".join(f"{key}:{version}" for key, version in self.rows.items())
        headers = {"HX-Request": "true", "HX-Target": self.target, "Waybill-Poll": self.signature}
        response = self.client.get(urlsplit(self.address).path, query, headers=headers)
        self.signature = response.headers.get("Waybill-Signature", "1" if response.content else self.signature)
        if response.status_code == 200:
            self._see(response)
        return response

    def queries(self):
        """Return how many queries it costs to ask while nothing changes."""
        assert self.ask().status_code == 204
        with CaptureQueriesContext(connection) as asked:
            assert self.ask().status_code == 204
        return len(asked)
