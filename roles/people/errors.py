"""Why a change of roles was refused, in a sentence for the person who asked for it."""

from django.utils.translation import gettext as _


class RefusedError(Exception):
    """The change was refused; the text says why and what to do."""


class LastAdministratorError(RefusedError):
    """The environment would be left without an administrator."""

    def __init__(self, name: str = "") -> None:
        text = _("The environment would have no administrator left. Make somebody else one first.")
        if name:
            text = _("“%(name)s” is the last administrator. Make somebody else one first.") % {"name": name}
        super().__init__(text)
