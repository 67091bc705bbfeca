"""Every form of the portal that edits something stored says what it was made from."""

import pytest
from django.urls import Resolver404, resolve

from roles.edits.edit import MADE_FROM
from tests.browser import EDIT_FORMS, posted_forms
from tests.roles.access_table import TABLE, expected
from tests.roles.test_access_table import ask

# What is filled in here makes something new, or answers a question: nothing stored is edited.
NOTHING_STORED = {
    *("exports:add", "exports:duplicate", "segments:add", "connections:set_up", "alerts:set_up", "people:add"),
    *("people:add_group", "people:remove", "people:remove_group", "segments:relate", "system:pause", "exports:let_go"),
    *("exports:drop", "invitation", "account_login", "account_reset_password", "account_reset_password_from_key"),
    *("account_reauthenticate", "account_change_password", "mfa_activate_totp", "mfa_reauthenticate"),
}


@pytest.mark.django_db
def test_every_form_that_edits_something_stored_says_what_it_was_made_from(world, settings):
    settings.LANGUAGES = [("en", "English"), ("fr", "French")]
    seen, silent = set(), []
    for name in TABLE:
        if "GET" in TABLE[name] and expected(name, "GET")["administrator"] == "200":
            answer = ask(world, "administrator", name, "GET")
        elif EDIT_FORMS.get(name) == "POST":
            answer = ask(world, "administrator", name, "POST", body={"id": world.mine.body(name)["id"]})
        else:
            continue
        if answer.streaming or "html" not in answer.headers.get("Content-Type", ""):
            continue
        for action, inputs in posted_forms(answer):
            try:
                to = resolve(action.partition("?")[0]).view_name
            except Resolver404:
                to = name
            if MADE_FROM in inputs:
                seen.add(to)
            elif to not in NOTHING_STORED:
                silent.append((name, to))
    assert silent == []
    assert seen == {name for name in EDIT_FORMS if not name.startswith("admin:")}
