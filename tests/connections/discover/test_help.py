"""The help page of a connection type, made from its declaration."""

import re

import pytest
from django.urls import reverse

from connections.destinations.registry import destinations
from exports.formats.form import export_form
from tests.factories import make_connection, make_environment

HTMX = {"HX-Request": "true", "HX-Target": "panel"}


def url(environment, type_: str, name: str = "help") -> str:
    return reverse(f"connections:{name}", kwargs={"environment": environment.slug, "type_": type_})


def words(answer) -> str:
    """The page's text, without marks and double spaces."""
    page = answer.content.decode().partition('id="panel"')[2] or answer.content.decode()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


@pytest.mark.parametrize("browser", ["as_ada", "as_carl", "as_vera"])
@pytest.mark.parametrize("slug", ["local", "sftp"])
def test_everybody_reads_how_a_type_works(environment, browser, slug, request):
    text = words(request.getfixturevalue(browser).get(url(environment, slug)))
    type_ = destinations()[slug]
    said = [type_.label, type_.summary, *type_.check_steps, *(section.title for section in type_.help_sections)]
    said += [text for section in type_.help_sections for text in section.paragraphs]
    for form in (type_.settings_form(), export_form(type_, {})()):
        said += [bound.label for _heading, fields in form.sections() for bound in fields]
    for one in said:
        assert str(one).replace("'", "&#x27;") in text.replace("&amp;", "&"), one


def test_what_an_sftp_connection_asks_for_is_told_with_secrets_marked(environment, as_vera):
    text = words(as_vera.get(url(environment, "sftp")))
    for field in ("Password secret", "Private key secret", "Passphrase of the key secret", "Server required"):
        assert field in text
    assert text.count("Stored encrypted.") == 3
    assert "Preset: 22" in text
    assert "Yes, this is the right server" not in text


def test_how_files_look_is_told_for_file_stores(environment, as_vera):
    text = words(as_vera.get(url(environment, "local")))
    for one in ("manifest.json", "model.json", ".part", "Semicolon ( ; )", "Gzip", "Data-out exports: whole tables"):
        assert one in text
    assert "Account segments: not taken" not in text
    assert "No limit on the number of profiles" in text


def test_limits_choices_and_required_fields_of_a_target_for_people_are_told(environment, as_vera, people_list):
    text = words(as_vera.get(url(environment, "people_list")))
    people, companies = text.index("Targeting: People"), text.index("Targeting: Companies")
    assert "Account segments: not taken" in text[people:companies]
    assert "Customer segments: not taken" in text[companies:]
    assert "At most 1,000 profiles per export." in text
    assert "At least 3 profiles per segment." in text
    assert "Data-out exports: not taken" in text
    assert "E-mail address required Suggested: a field with this meaning: E-mail" in text


def test_nothing_of_any_connection_is_on_it(environment, as_ada, as_vera):
    make_connection(
        environment, "Secret partner", type="sftp", settings={"host": "sftp.partner.example", "folder": "/hidden"}
    )
    for browser in (as_ada, as_vera):
        text = browser.get(url(environment, "sftp")).content.decode()
        for hidden in ("Secret partner", "partner.example", "/hidden"):
            assert hidden not in text


def test_only_administrators_are_offered_to_set_one_up(environment, as_ada, as_carl, as_vera):
    add = url(environment, "sftp", "set_up")
    assert add in as_ada.get(url(environment, "sftp")).content.decode()
    for browser in (as_carl, as_vera):
        assert add not in browser.get(url(environment, "sftp")).content.decode()


def test_a_type_that_is_off_says_why_and_is_not_offered(environment, as_ada, settings):
    settings.LOCAL_FOLDER_BASE = ""
    answer = as_ada.get(url(environment, "local"))
    assert "Not available here" in words(answer)
    assert url(environment, "local", "set_up") not in answer.content.decode()


def test_an_unknown_type_and_a_foreign_environment_are_not_found(environment, as_ada):
    assert as_ada.get(url(environment, "nothing")).status_code == 404
    assert as_ada.get(url(make_environment(), "sftp")).status_code == 404


def test_htmx_gets_the_panel_alone(environment, as_vera):
    answer = as_vera.get(url(environment, "sftp"), headers=HTMX)
    assert answer.template_name == "connections/help.html#panel"
    assert "<html" not in answer.content.decode()


def test_help_is_linked_from_the_types_the_form_and_the_list_of_others(environment, as_ada, as_vera):
    make_connection(environment, type="sftp")
    link = f'href="{url(environment, "sftp")}"'
    add = reverse("connections:add", kwargs={"environment": environment.slug})
    listed = reverse("connections:list", kwargs={"environment": environment.slug})
    assert link in as_ada.get(add).content.decode()
    assert link in as_ada.get(url(environment, "sftp", "set_up")).content.decode()
    assert link in as_vera.get(listed).content.decode()


def test_a_connection_of_a_type_that_is_gone_has_no_help(environment, as_vera):
    make_connection(environment, "Old", type="gone", settings={})
    listed = reverse("connections:list", kwargs={"environment": environment.slug})
    assert url(environment, "gone") not in as_vera.get(listed).content.decode()
