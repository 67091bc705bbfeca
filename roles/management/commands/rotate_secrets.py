"""`manage.py rotate_secrets`: add a key for the stored secrets, or remove the old keys. It shows no secret."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from roles.secrets import key_file, rotation, same_keys
from roles.secrets.store import keys_path

BY_HAND = """The keys come from WAYBILL_SECRETS_KEYS: change it yourself, and nothing fails meanwhile.
1. Make a key: python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"
2. Write it behind the others, separated by a comma, on every machine, and start Waybill again there.
3. Move it to the front on every machine, and start Waybill again there.
4. Run `manage.py rotate_secrets`. It says when the others can be taken out."""
SEVERAL = "Where several machines have copies of this file, replace those now."


class Command(BaseCommand):
    """Adds a key, re-encrypts, or drops old keys."""

    help = "Re-encrypt the stored secrets with the newest key. You can stop and restart it at any time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        only_one = parser.add_mutually_exclusive_group()
        only_one.add_argument("--new-key", action="store_true", help="put a new key in front in the key file first")
        only_one.add_argument("--drop-old", action="store_true", help="remove the older keys if nothing needs them")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with rotation.exclusive():
                self._work(new_key=options["new_key"], drop_old=options["drop_old"])
        except rotation.AlreadyRotatingError:
            raise CommandError("Another rotate_secrets is running; wait for it to finish.") from None
        except same_keys.OtherKeysError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"The key file cannot be written ({error.strerror}): {error.filename}.") from error

    def _work(self, *, new_key: bool, drop_old: bool) -> None:
        if new_key or drop_old:
            _refuse_environment()
        _refuse_bad_keys()
        if new_key:
            rotation.add_key(_file())
            same_keys.agree()
            self.stdout.write(f"Put a new key in front in {_file()}. {SEVERAL} Back the file up.")
        report = rotation.rotate()
        self._say(report)
        if drop_old:
            self._drop_old(report)
        elif len(_words()) > 1:
            self.stdout.write(_when())

    def _say(self, report: rotation.Report) -> None:
        self.stdout.write(f"Re-encrypted with the newest key: {report.rotated}")
        self.stdout.write(f"Had it already: {report.current}")
        self.stdout.write(f"Cannot be read with any key: {len(report.unreadable)}")
        for name in report.unreadable:
            self.stdout.write(f"  {name}: enter it again")

    def _drop_old(self, report: rotation.Report) -> None:
        if len(_words()) < 2:
            self.stdout.write("There is only one key: nothing to remove.")
        elif report.rotated or timezone.now() < rotation.older_keys_needed_until():
            raise CommandError(f"Kept the older keys. {_when()}")
        else:
            rotation.drop_old_keys(_file())
            self.stdout.write(f"Removed the older keys from {_file()}. {SEVERAL}")


def _file() -> Path:
    path = keys_path()
    assert path is not None  # refused before
    return path


def _words() -> list[str]:
    return key_file.read(_file()) if keys_path() else settings.SECRETS_KEYS


def _refuse_environment() -> None:
    if settings.SECRETS_KEYS:
        raise CommandError(BY_HAND)


def _refuse_bad_keys() -> None:
    """Refuse keys that are no Fernet keys: a bad first one would not be the newest."""
    if not all(key_file.is_key(word) for word in _words()):
        raise CommandError("One of the keys is not a Fernet key. Put the right one back from your backup.")


def _when() -> str:
    """Say from when on the older keys are no longer needed."""
    moment = timezone.localtime(rotation.older_keys_needed_until())
    what = "take them out of WAYBILL_SECRETS_KEYS" if settings.SECRETS_KEYS else "run this with --drop-old"
    return f"The older keys can go from {moment:%Y-%m-%d %H:%M %Z} on, when open forms have ended: {what} then."
