"""What Django's error pages and error mails may show: where the error happened, but no values.

Variables of functions hold secrets and customers' data, those of libraries too, which nothing marks as sensitive.
"""

import re
from typing import Any

from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter

# The variables and fields that stay: they tell which page it was.
HARMLESS_META = {"REQUEST_METHOD", "PATH_INFO", "SERVER_PROTOCOL", "HTTP_HX_REQUEST", "HTTP_HX_TARGET"}


class ReportFilter(SafeExceptionReporterFilter):
    """Active also with WAYBILL_DEBUG=1."""

    # "url" and "dsn" for addresses with a password in them.
    hidden_settings = re.compile(
        "api|auth|token|key|secret|pass|signature|http_cookie|url|dsn|email_host|client", flags=re.IGNORECASE
    )

    def is_active(self, request: HttpRequest | None) -> bool:
        """Always."""
        return True

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        """Show the names of the parameters only."""
        return dict.fromkeys(request.POST, self.cleansed_substitute) if request else {}

    def get_traceback_frame_variables(self, request: HttpRequest | None, tb_frame: Any) -> Any:
        """Show none: neither ours nor those of libraries."""
        return []

    def get_safe_request_meta(self, request: HttpRequest) -> dict[str, Any]:
        """Show none: a web server may put its whole environment there."""
        return {name: value for name, value in request.META.items() if name in HARMLESS_META}

    def get_safe_cookies(self, request: HttpRequest) -> dict[str, Any]:
        """Show their names only."""
        return dict.fromkeys(request.COOKIES, self.cleansed_substitute)
