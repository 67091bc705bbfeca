"""The words and components that every page is written with."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django import forms
from django.conf import settings
from django.core.paginator import Paginator
from django.template import Context, Template
from django.test import RequestFactory

from roles.templatetags.pieces import icon, icon_names
from roles.ui.words import duration, number, relative

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def render(source, **context):
    return Template(source).render(Context(context))


@pytest.mark.parametrize(
    ("distance", "words"),
    [
        (timedelta(seconds=10), "now"),
        (timedelta(minutes=12), "12 min ago"),
        (timedelta(hours=3), "3 h ago"),
        (timedelta(hours=20), "yesterday"),
        (timedelta(days=5), "5 days ago"),
        (timedelta(minutes=-5), "in 5 min"),
        (timedelta(days=400), "17 Oct 2025"),
    ],
)
def test_times_are_said_relative_to_now(distance, words):
    assert relative(NOW - distance, NOW) == words


def test_times_show_the_exact_one_on_hover():
    html = render("{% ago value %}", value=NOW)
    assert 'datetime="2026-11-21T12:00:00+00:00"' in html
    assert 'title="21 Nov 2026, 12:00:00 UTC"' in html


def test_no_time_says_what_the_page_wants():
    assert render("{% ago value 'never' %}", value=None) == "never"


@pytest.mark.parametrize(("seconds", "words"), [(6.4, "6.4 s"), (125, "2 min 5 s"), (3780, "1 h 3 min"), (None, "—")])
def test_durations_are_said_in_two_units_at_most(seconds, words):
    assert duration(seconds) == words


def test_numbers_are_grouped_and_nothing_is_a_dash():
    assert (number(12369114), number(0), number(None)) == ("12,369,114", "0", "—")


def test_unknown_icon_is_named_with_the_allowed_ones():
    with pytest.raises(ValueError, match="Unknown icon 'rocket', must be one of: alert-circle"):
        icon("rocket")


def test_icon_is_decoration_unless_it_has_a_label():
    assert 'aria-hidden="true"' in icon("lock")
    assert 'role="img" aria-label="Locked"' in icon("lock", "", "Locked")


def test_state_says_icon_words_and_reason():
    html = render("{% state 'held' 'Held' reason=reason %}", reason="91 % fewer <rows>")
    assert "#pause-circle" in html
    assert re.sub(r"<[^>]+>", "", html) == "Held · 91 % fewer &lt;rows&gt;"


class NameForm(forms.Form):
    name = forms.CharField(help_text="Seen in the list.")


def test_field_ties_label_help_and_error_to_the_control():
    html = render("{% field form.name %}", form=NameForm({"name": ""}))
    label = '<label class="field-label" for="id_name">Name <span class="field-hint">required</span>'
    assert label in " ".join(html.split())
    assert 'aria-describedby="id_name_helptext id_name_error"' in html
    assert 'aria-invalid="true"' in html
    assert 'id="id_name_error"' in html
    assert 'id="id_name_helptext"' in html


def test_form_errors_link_to_the_field():
    html = render("{% form_errors form %}", form=NameForm({"name": ""}))
    assert 'role="alert"' in html
    assert '<a href="#id_name">Name</a>: This field is required.' in html


def test_checklist_sums_what_is_chosen_and_greys_with_a_reason():
    items = [
        {"value": 1, "label": "Spain", "count": 25222, "checked": True},
        SimpleNamespace(value=2, label="Walk-in", count=9870, disabled=True, reason="No e-mail"),
    ]
    html = render("{% checklist 'segments' items legend='Segments' counts='selected' sums='members' %}", items=items)
    assert "1 selected · 25,222 members" in html
    assert re.search(r'value="2"[^>]* disabled', html)
    assert "No e-mail" in html


def test_menu_items_carry_what_commands_and_htmx_need():
    link = render("{% menu_link 'trash' 'Remove' url action='remove' danger=True %}", url="/e/x/1?a=1&b=2")
    assert '<a class="menu-item menu-item-danger" data-action="remove" href="/e/x/1?a=1&amp;b=2"' in link
    assert 'hx-get="/e/x/1?a=1&amp;b=2" hx-target="#panel"' in link
    item = "{% menu_form 'run' label '/run' swap='none' name='on' value='0' %}"
    form = render(item, csrf_token="token", label="<Run>")
    assert '<form method="post" action="/run" hx-post="/run" hx-swap="none">' in form
    assert '<input type="hidden" name="csrfmiddlewaretoken" value="token">' in form
    assert '<input type="hidden" name="on" value="0">' in form
    assert "&lt;Run&gt;</button>" in form
    button = render("{% menu_button 'trash' 'Remove' '/remove' 1234 %}")
    assert 'form="one" formaction="/remove" name="id" value="1234"' in button
    assert 'hx-get="/remove" hx-target="#panel"' in button
    at_once = render("{% menu_button 'run' 'Run' '/run' 1234 action='run' swap='none' %}")
    assert 'data-action="run" form="one" formaction="/run" name="id" value="1234"' in at_once
    assert 'hx-post="/run" hx-include="#one" hx-swap="none"' in at_once


def test_filter_chips_keep_the_search_and_mark_the_one_in_force():
    request = RequestFactory().get("/e/x/alerts/", {"q": "call", "kind": "late", "page": "3", "shown": "4:a"})
    chip = "{% filter_chip 'status' value 'Open' current count=1200 clears='kind' %}"
    html = render(chip, request=request, value="open", current="open")
    assert 'href="/e/x/alerts/?q=call&amp;status=open"' in html
    assert 'id="filter-open"' in html
    assert 'aria-current="true"' in html
    assert '<span class="num">1,200</span>' in html
    html = render(chip, request=request, value="", current="open")
    assert 'href="/e/x/alerts/?q=call"' in html
    assert 'id="filter-all"' in html
    assert "aria-current" not in html


def test_sort_header_turns_round_and_keeps_the_search():
    request = RequestFactory().get("/e/x/exports/", {"q": "call", "page": "3", "sort": "name"})
    html = render("{% sort_header 'name' 'Name' current='name' target='#list' %}", request=request)
    assert 'aria-sort="ascending"' in html
    assert 'href="/e/x/exports/?q=call&amp;sort=-name"' in html
    assert 'hx-target="#list"' in html


def test_pagination_says_where_one_is():
    request = RequestFactory().get("/e/x/exports/", {"q": "a"})
    page = Paginator(range(120), 50).page(2)
    html = render("{% pagination page %}", request=request, page=page)
    assert "51 to 100 of 120" in html
    assert 'href="/e/x/exports/?q=a&amp;page=3"' in html


def test_every_state_has_an_icon_that_exists():
    from exports.models.states import NOT_STARTED, STATES

    looks = [NOT_STARTED, *(rule.look for rule in STATES.values())]
    assert {look.icon for look in looks} <= icon_names()


class ChoiceForm(forms.Form):
    zone = forms.ChoiceField(choices=[("a", "A"), ("b", "B")], widget=forms.RadioSelect)
    agree = forms.BooleanField()


def test_groups_and_boxes_are_tied_to_their_errors():
    form = ChoiceForm({})
    assert '<fieldset class="field" id="id_zone_field" aria-describedby="id_zone_error">' in render(
        "{% field form.zone %}", form=form
    )
    assert 'aria-describedby="id_agree_error"' in render("{% field form.agree %}", form=form)


def test_the_error_of_a_checklist_is_tied_to_each_box_that_can_be_chosen():
    items = [{"value": 1, "label": "Walk-in", "disabled": True}, {"value": 2, "label": "A"}, {"value": 3, "label": "B"}]
    html = render("{% checklist 's' items legend='Segments' errors=errors %}", items=items, errors=["Choose one."])
    assert '<fieldset class="field" id="id_s" data-checklist aria-describedby="id_s_error">' in html
    assert re.findall(r'value="(\d)"[^>]* aria-invalid="true" aria-describedby="id_s_error"', html) == ["2", "3"]


def bar(value):
    return SimpleNamespace(value=value, tone="", words="")


def test_columns_are_links_that_say_in_words_what_their_bars_show():
    first, second = (
        SimpleNamespace(stacks=[[bar(rows)], [bar(time)]], mark=None, label="") for rows, time in ((10, 2.5), (0, 5))
    )
    items = [
        {"id": "run-1", "url": "/1", "column": first, "tone": "success", "words": "Monday · 10 rows · 2.5 s"},
        {"id": "run-2", "url": "/2", "column": second, "tone": "danger", "words": "<Tuesday>", "is_current": True},
    ]
    series = [SimpleNamespace(name="Rows", top=10, words="10"), SimpleNamespace(name="Time", top=5, words="5 s")]
    html = render("{% columns items series label='Last runs' %}", items=items, series=series)
    links = re.findall(
        r'<a class="column tone-(\w+)" id="(run-\d)" href="(/\d)" hx-get="/\d" hx-target="#panel" ([^>]*?) ?>', html
    )
    assert links == [("success", "run-1", "/1", ""), ("danger", "run-2", "/2", 'aria-current="true"')]
    assert re.findall(r'<rect [^>]*height="([\d.]+)"', html) == ["43.0", "21.5", "3.0", "43.0"]
    assert "Monday · 10 rows · 2.5 s</span>" in html
    assert "&lt;Tuesday&gt;" in html
    assert "<b>Time</b> 5 s" in html


@pytest.mark.parametrize(("htmx", "tag"), [(True, "h3"), (False, "h2")])
def test_a_section_is_one_level_below_the_title_of_its_panel(htmx, tag):
    request = SimpleNamespace(htmx=htmx)
    html = render("{% section_title 'Files' hint='3' id='files' %}", request=request)
    assert html == f'<{tag} class="section-title" id="files">Files <span class="field-hint">3</span></{tag}>'


def test_what_replaces_itself_when_told_listens_again_at_once():
    """Until it has settled the new element hears nothing: a word in that moment would be lost."""
    found = []
    for path in Path(settings.BASE_DIR, "templates").rglob("*.html"):
        found += re.findall(r'<[a-z]+\s[^>]*from:body"[^>]*hx-swap="(outerHTML[^"]*)"', path.read_text())
    assert len(found) > 10
    assert set(found) == {"outerHTML settle:0ms"}
