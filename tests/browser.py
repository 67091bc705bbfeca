"""A client that sends what a browser does: a page's form as it stands, with what the page was made from."""

from html.parser import HTMLParser
from typing import Any

from django.test import Client
from django.urls import Resolver404, resolve, reverse

from roles.edits.edit import MADE_FROM

# The forms that edit something stored, and where their pages are: "" at their own address, POST where they are
# asked for with the ids chosen.
EDIT_FORMS = {
    "account_reading": "account",
    "admin:roles_user_change": "",
    "alerts:edit": "",
    "connections:edit": "",
    "connections:share": "",
    "exports:edit": "",
    "exports:schedule": "POST",
    "people:change": "POST",
    "people:edit": "",
    "people:edit_group": "",
    "segments:choose_shown": "segments:table",
    "segments:edit": "",
    "system:schedule": "",
    "system:zone": "system:schedule",
}
BUTTONS = {"submit", "button", "image", "reset", "file"}


class Browser(Client):
    """Opens the page of an edit form before it sends the form, unless the test says what it was made from."""

    def post(self, path: str, data: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Send a form."""
        if isinstance(data, dict | None) and MADE_FROM not in (data or {}) and (made := self.made_from(path, data)):
            data = (data or {}) | {MADE_FROM: made}
        return super().post(path, data, *args, **kwargs)

    def made_from(self, path: str, data: dict[str, Any] | None = None) -> str:
        """Return what the form that is sent to `path` is made from now; "" where it edits nothing stored."""
        return self.opened(path, (data or {}).get("id")).get(MADE_FROM, [""])[0]

    def opened(self, path: str, ids: Any = None) -> dict[str, list[str]]:
        """Return the edit form that is sent to `path` as its page shows it; {} where it edits nothing stored."""
        try:
            found = resolve(path.partition("?")[0])
        except Resolver404:
            return {}
        page = EDIT_FORMS.get(found.view_name)
        if page is None:
            return {}
        if page == "POST":
            answer = super().post(path, {"id": ids or []})
        else:
            kept = {
                key: value for key, value in found.kwargs.items() if key == "environment" or page == "segments:table"
            }
            answer = self.get(reverse(page, kwargs=kept) if page else path)
        return inputs_of(answer, path) if answer.status_code == 200 else {}


def posted_forms(answer: Any) -> list[tuple[str, dict[str, list[str]]]]:
    """Return the forms of a page that are posted and hold something to fill in, as (address, inputs)."""
    parser = _Forms()
    parser.feed(answer.content.decode())
    return [form for form, is_filled_in in zip(parser.forms, parser.are_filled_in, strict=True) if is_filled_in]


def inputs_of(answer: Any, path: str) -> dict[str, list[str]]:
    """Return what a browser would send of the form for `path` on a page; {} if there is none."""
    parser = _Forms()
    parser.feed(answer.content.decode())
    return next((inputs for action, inputs in parser.forms if action == path.partition("?")[0]), {})


class _Forms(HTMLParser):
    """Reads the forms of a page: (action, inputs)."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, list[str]]]] = []
        self.are_filled_in: list[bool] = []
        self._is_post = False
        self._inputs: dict[str, list[str]] = {}
        self._text: str | None = None  # the name of the textarea that is read
        self._select = ""
        self._options: list[str] = []

    def handle_starttag(self, tag: str, found: list[tuple[str, str | None]]) -> None:
        """Take what a tag sends."""
        attrs = {name: value or "" for name, value in found}
        name, kind = attrs.get("name", ""), attrs.get("type", "")
        is_control = tag in ("textarea", "select") or (tag == "input" and kind not in BUTTONS | {"hidden"})
        if self.forms and self._is_post and is_control and name and "form" not in attrs and "disabled" not in attrs:
            self.are_filled_in[-1] = True
        if tag == "form":
            self._inputs = {}
            self.forms.append((attrs.get("action", ""), self._inputs))
            self.are_filled_in.append(False)
            self._is_post = attrs.get("method", "").lower() == "post"
        elif tag == "textarea" and name:
            self._text = name
            self._inputs[name] = [""]
        elif tag == "select":
            self._select, self._options = name, []
        elif tag == "option" and self._select:
            self._options.append(attrs.get("value", ""))
            if "selected" in attrs:
                self._inputs.setdefault(self._select, []).append(attrs.get("value", ""))
        elif tag == "input" and name and "disabled" not in attrs and kind not in BUTTONS:
            self._take(name, attrs, is_box=kind in ("checkbox", "radio"))

    def _take(self, name: str, attrs: dict[str, str], *, is_box: bool) -> None:
        if not is_box or "checked" in attrs:
            self._inputs.setdefault(name, []).append(attrs.get("value", "on" if is_box else ""))

    def handle_data(self, data: str) -> None:
        """Take the text of a textarea."""
        if self._text:
            self._inputs[self._text][0] += data.removeprefix("\n") if not self._inputs[self._text][0] else data

    def handle_endtag(self, tag: str) -> None:
        """End a form, a textarea, or a choice in which the first option is chosen where none is."""
        self._is_post = self._is_post and tag != "form"
        if tag == "textarea":
            self._text = None
        elif tag == "select" and self._select:
            if self._options:
                self._inputs.setdefault(self._select, self._options[:1])
            self._select = ""
