"""The scan finds what it has to find: a test that cannot fail proves nothing."""

import base64
import gzip
import html
import json
import pickle
import zlib
from urllib.parse import quote, quote_plus

import pytest
from django.core import signing

from tests.leaks.scanning import found

VALUE = "plantedPassword7391"
AROUND = f'pä"&<{VALUE}>/+ ö%'
WAYS = {
    "clear": lambda text: text,
    "HTML": html.escape,
    "JSON": json.dumps,
    "JSON in JSON": lambda text: json.dumps(json.dumps({"a": text})),
    "repr": repr,
    "URL": quote,
    "form": quote_plus,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 of a part": lambda text: base64.b64encode(b"ab" + text.encode()).decode()[2:],
    "URL-safe base64": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 twice": lambda text: base64.b64encode(base64.b64encode(text.encode())).decode(),
    "hexadecimal": lambda text: text.encode().hex(),
    "capital hexadecimal": lambda text: text.encode().hex().upper(),
    "bytea of a dump": lambda text: r"\\x" + text.encode().hex(),
    "a pickle": lambda text: base64.b64encode(pickle.dumps({"args": [text]})).decode(),
    "a signed pickle": lambda text: signing.dumps({"args": [text]}, salt="x"),
    "a compressed session": lambda text: signing.dumps({"a": text, "b": "x" * 500}, compress=True),
    "zlib in base64": lambda text: base64.b64encode(zlib.compress(text.encode())).decode(),
    "gzip in hexadecimal": lambda text: gzip.compress(text.encode()).hex(),
    "UTF-16": lambda text: text.encode("utf-16-le").decode("latin-1"),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_planted_value_is_found(way):
    text = f"before {way(AROUND)} after"
    assert found([VALUE, "somethingElse0"], text) == {VALUE}


def test_nothing_is_found_where_nothing_is():
    assert found([VALUE], "nothing, " + base64.b64encode(b"nothing at all here").decode()) == set()


def test_what_is_encrypted_is_not_found(settings):
    from roles.secrets.store import encrypt

    assert found([VALUE], encrypt({"password": AROUND})) == set()
