"""How static files are named: by what is in them, also where scripts import each other."""

from collections.abc import Callable
from typing import Any

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticStorage(CompressedManifestStaticFilesStorage):
    """A page and all that its scripts import are of one version."""

    support_js_module_import_aggregation = True

    def url_converter(self, name: str, hashed_files: dict[str, Any], template: str | None = None) -> Callable[..., str]:
        """Leave the scripts of others, which lie in folders, as they are, and ours where they say "export"."""
        if name.endswith(".js") and ("/" in name or (template or "").startswith("export")):
            return lambda found: str(found[0])
        converter: Callable[..., str] = super().url_converter(name, hashed_files, template)
        return converter
