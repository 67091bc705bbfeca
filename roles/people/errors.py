"""Why a change of roles was refused, in a sentence for the person who asked for it."""

from django.utils.translation import gettext as _


class RefusedError(Exception):
    """The change was refused; the text says why and what to do."""


class LastAdministratorError(RefusedError):
    """The environment would be left without an administrator."""

    def __init__(self, name: str = "") -> None:
        text = _("At least one administrator must remain. Make someone else an administrator first.")
        if name:
            text = _("“%(name)s” is the last administrator. Make someone else an administrator first.") % {"name": name}
        super().__init__(text)
