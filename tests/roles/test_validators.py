"""Names can be seen, and are single lines that read the way they are written."""

import pytest
from django.core.exceptions import ValidationError

from roles.validators import one_line, visible_name


@pytest.mark.parametrize("name", ["Contoso", "Ünï 日本", "می‌خواهم", "👩‍👧 Families", "<b>", "7", "ﷺ", "a\u00a0b"])
def test_a_name_that_can_be_read_is_taken(name):
    visible_name(name)


@pytest.mark.parametrize("name", ["\u200d", "\u2800", "\u3164\u3164", "\u00a0", "\u0301", ""])
def test_a_name_that_shows_nothing_is_refused(name):
    with pytest.raises(ValidationError, match="cannot be seen"):
        visible_name(name)


@pytest.mark.parametrize("code", ["0007", "000A", "0085", "200B", "202E", "2066", "2028", "FEFF", "D800", "00AD"])
def test_control_and_direction_characters_are_named(code):
    with pytest.raises(ValidationError, match=rf"Character 3 is an invisible one \(U\+{code}\)"):
        one_line(f"ab{chr(int(code, 16))}c")


def test_an_empty_line_is_a_line():
    one_line("")
