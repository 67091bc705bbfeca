"""Every template that is named exists and is used, and all are written to be read."""

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template import TemplateDoesNotExist, engines
from django.template.loader import get_template
from django.template.loaders.app_directories import Loader as OfPackages

from roles.ui.templates import folded

FOLDER = Path(settings.BASE_DIR, "templates")
TEMPLATES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.html"))
APPS = ("config", "connections", "exports", "roles", "segments")
NAME = re.compile(r"[\w/]+(?:\.html|/email/\w+\.txt)(?:#\w+)?")
IN_TEMPLATES = re.compile(r"""\{% (?:include|extends) ["']([^"']+)["']""")
BY_DJANGO = {"400.html", "403.html", "404.html", "500.html"}  # its handlers of errors name these
LONGEST = 200


def names_in_code():
    """Yield the strings of the apps' code that name a template, each with where it stands."""
    for app in APPS:
        for path in sorted(Path(settings.BASE_DIR, app).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    # An f-string may end in the name of the partial.
                    name = node.value.removesuffix("#")
                    if NAME.fullmatch(name):
                        yield name, f"{path}:{node.lineno}"


def names_in_templates():
    for template in TEMPLATES:
        for name in IN_TEMPLATES.findall((FOLDER / template).read_text()):
            yield name, template


def test_all_that_are_named_are_there():
    named = [*names_in_code(), *names_in_templates()]
    missing = []
    for name, place in named:
        try:
            get_template(name)
        except TemplateDoesNotExist:
            missing.append(f"{name} in {place}")
    assert missing == []
    assert len(named) > 150
    assert {"exports/list.html#row", "exports/run.html"} <= {name for name, _place in named}


def test_partials_are_defined_where_they_are_used():
    for template in TEMPLATES:
        text = (FOLDER / template).read_text()
        used, defined = (set(re.findall(rf"\{{% {tag} ([\w-]+)", text)) for tag in ("partial", "partialdef"))
        assert used <= defined, template


def test_none_is_left_over():
    used = {name.partition("#")[0] for name, _place in (*names_in_code(), *names_in_templates())}
    of_packages = OfPackages(engines["django"].engine)
    overriding = set()
    for name in TEMPLATES:
        try:
            of_packages.get_template(name)
            overriding.add(name)
        except TemplateDoesNotExist:
            pass
    assert set(TEMPLATES) - used - overriding - BY_DJANGO == set()


@pytest.mark.parametrize("name", TEMPLATES)
def test_lines_can_be_read(name):
    lines = enumerate((FOLDER / name).read_text().splitlines(), 1)
    assert [number for number, line in lines if len(line) > LONGEST] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('<a\n  class="x"\n  href="y"\n>\n  z</a>', '<a class="x" href="y">\nz</a>'),
        ("<p>\n  Some <b>words</b>\n  more\n</p>", "<p>Some <b>words</b>\nmore</p>"),
        (
            '<ul>\n  <li\n    {% if x %}id="x"{% endif %}\n  >\n  </li>\n</ul>',
            '<ul><li {% if x %}id="x"{% endif %}></li></ul>',
        ),
        ("{% if a %}\n  b > c\n{% endif %}", "{% if a %}\nb > c\n{% endif %}"),
        ("a\n  <span>b</span>\n  c", "a\n<span>b</span>\nc"),
        ("<a href='x' >b</a> c", "<a href='x' >b</a> c"),
    ],
)
def test_the_breaks_of_a_template_do_not_reach_the_page(text, said):
    assert folded(text) == said
