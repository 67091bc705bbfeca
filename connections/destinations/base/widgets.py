"""Inputs for secrets: neither typed nor stored ones are written into a page."""

from typing import Any

from django import forms


class SecretInput(forms.PasswordInput):
    """One line; browsers do not offer saved passwords of other sites for it."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"autocomplete": "new-password"} | (attrs or {}), render_value=False)


class SecretTextarea(forms.Textarea):
    """Several lines."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        plain = {"rows": 4, "class": "code", "autocomplete": "off", "spellcheck": "false"}
        super().__init__(plain | (attrs or {}))

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Leave the value out."""
        return super().get_context(name, None, attrs)
