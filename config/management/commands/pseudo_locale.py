"""`manage.py pseudo_locale`: makes the pseudo-language, which shows untranslatable texts (WAYBILL_DEBUG=1)."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    """Writes one catalogue below the data directory."""

    help = "Make the pseudo-locale from the texts as they are now. Needs gettext."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        from config import pseudo  # as `up`, this command knows the whole house

        try:
            made = pseudo.make(settings.DATA_DIR / "locale")
        except pseudo.NoGettextError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Made {made}.")
