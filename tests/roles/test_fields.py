"""What people write as a name, a line or a note is composed and holds nothing invisible: every field, every form."""

import pkgutil
from importlib import import_module

import pytest
from django import forms
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models

from roles.fields import Address, AddressField, Line, LineField, Name, NameField, Note, NoteField

APPS = ("roles", "segments", "connections", "exports")
MADE = "made by Waybill, or chosen from a list"
COPIED = "copied from a name that was checked"
FILE = "from a file: segments/importing/headers.py looks at it"
SECRET = "a secret, kept as it is"
PROVIDER = "roles/people/groups.py composes what a provider says, and leaves out what cannot be seen"

# Texts of models that no Line, Name, Note or Address is, and why.
MODELS = {
    "roles.User": {"username": "save() normalizes and checks it", "password": SECRET}
    | dict.fromkeys(("language", "time_zone"), "from a list"),
    "roles.Environment": dict.fromkeys(
        ("slug", "warehouse_schema", "time_zone", "language"), "small letters, or from a list"
    ),
    "roles.RoleAssignment": {"group": COPIED},
    "roles.GroupMembership": {"group": PROVIDER},
    "roles.Invitation": {"token_sha256": MADE},
    "roles.AuditEvent": dict.fromkeys(
        [
            *("environment_slug", "environment_name", "actor_name", "object_name", "object_id", "object_type"),
            *("action", "through", "origin", "request_id"),
        ],
        COPIED,
    ),
    "roles.Tries": {"key": MADE},
    "roles.KeyInUse": dict.fromkeys(("fingerprint", "kind"), MADE),
    "roles.StrangeMachine": dict.fromkeys(("place", "host"), MADE),
    "roles.Heartbeat": dict.fromkeys(("kind", "host"), MADE),
    "segments.Table": {"name": "import_table composes and checks it; it is PostgreSQL's name of the table, too"},
    "segments.Field": {
        "name": FILE,
        "pg_type": MADE,
        "layout": MADE,
        "date_format": "import_table reads it as a format",
    },
    "segments.Relationship": dict.fromkeys(("field_name", "to_field_name"), FILE),
    "connections.Connection": {"type": MADE, "encrypted_secrets": SECRET, "agreed_target": MADE},
    "exports.Schedule": {"cron": "only digits and a few signs are taken", "zone": "from a list"},
    "exports.RefreshSchedule": {"cron": MADE, "zone": "from a list"},
    "exports.Export": {"folder": COPIED},
    "exports.RefreshPart": {"name": COPIED},
    "exports.Run": {"decision": "DecisionForm.why"} | dict.fromkeys(("worker", "folder", "unit"), MADE),
    "exports.AlertChannel": {"encrypted_secrets": SECRET},
    "exports.AudienceContainer": {"name": COPIED, "sealed_key": SECRET}
    | dict.fromkeys(("type", "account", "key", "vendor_id"), MADE),
    "exports.RateBudget": {"scope": MADE},
}
# Fields of forms, the same.
FORMS = {
    **dict.fromkeys(("password", "password1", "password2", "oldpassword", "private_key", "passphrase"), SECRET),
    **dict.fromkeys(("url", "signing"), SECRET),
    **dict.fromkeys(("host_key", "host_key_proof"), "signed by Waybill"),
    "host": "the name of a server: what is no name does not resolve",
    "folder": "a path at the target, kept as it is; one_line checks it",
    "code": "only compared",
    "cron": "only digits and a few signs are taken",
    **dict.fromkeys(("zone", "time_zone"), "only names of the IANA database are taken"),
    ("SftpForm", "username"): "the account at the server, kept as it is; one_line checks it",
    ("AskForLinkForm", "email"): "only compared",
}


def texts_of_models():
    for model in apps.get_models():
        if model._meta.app_label in APPS:
            for field in model._meta.fields:
                if isinstance(field, models.CharField | models.TextField) and not field.choices:
                    yield model._meta.label, field


def test_every_text_of_a_model_is_checked_or_needs_no_check():
    unchecked = {}
    for label, field in texts_of_models():
        if not isinstance(field, Line | Name | Note | Address):
            unchecked.setdefault(label, set()).add(field.name)
    assert unchecked == {label: set(fields) for label, fields in MODELS.items()}


def all_forms():
    for app in APPS:
        for module in pkgutil.walk_packages([app], f"{app}."):
            if ".migrations." not in module.name:
                import_module(module.name)
    waiting = [forms.BaseForm]
    while waiting:
        form = waiting.pop()
        waiting += form.__subclasses__()
        if form.__module__.partition(".")[0] in APPS:
            yield form


def test_every_text_of_a_form_is_checked_or_needs_no_check():
    unchecked = set()
    for form in all_forms():
        for name, field in form.base_fields.items():
            is_checked = isinstance(field, LineField | AddressField) or not isinstance(field, forms.CharField)
            if not is_checked and name not in FORMS and (form.__name__, name) not in FORMS:
                unchecked.add((form.__name__, name))
    assert unchecked == set()


@pytest.mark.parametrize("field", [LineField(), NameField(), NoteField(), AddressField()], ids=type)
@pytest.mark.parametrize("code", ["202E", "2066", "200B", "0000", "0085", "2028", "FEFF", "00AD", "E0041", "3164"])
def test_each_kind_of_field_refuses_what_nobody_sees(field, code):
    with pytest.raises(forms.ValidationError):
        field.clean(f"ada@a{chr(int(code, 16))}b.example")


@pytest.mark.parametrize("field", [LineField(), NameField(), NoteField()], ids=type)
def test_each_kind_of_field_composes(field):
    assert field.clean("  Cafe\u0301 ") == "Caf\u00e9"


def test_only_notes_have_several_lines():
    assert NoteField().clean("one\r\ntwo\rthree\tfour") == "one\ntwo\nthree four"
    for field in (LineField(), NameField()):
        with pytest.raises(forms.ValidationError):
            field.clean("one\ntwo")


def test_in_migrations_the_fields_are_plain():
    kinds = {Line: "CharField", Name: "CharField", Note: "TextField", Address: "EmailField"}
    for kind, plain in kinds.items():
        _name, path, _args, kwargs = kind(max_length=7).deconstruct()
        assert (path, kwargs) == (f"django.db.models.{plain}", {"max_length": 7})


def test_a_text_that_is_too_long_is_counted_and_not_cut():
    """A browser cuts what is pasted at `maxlength` without a word; static/count.js says how long it is."""
    for field in (LineField, NameField, NoteField):
        attrs = field(max_length=5).widget.attrs
        assert (attrs["data-most"], "maxlength" in attrs) == ("5", False)
        with pytest.raises(ValidationError):
            field(max_length=5).clean("x" * 6)
