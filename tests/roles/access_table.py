"""Who gets which answer from which address: the whole URLconf as one table (docs/rules.md).

The words: `log in` is sent to the log-in page; `done` is a redirect or, with htmx, 204 or the panel; numbers are
statuses. `unshared` is a contributor to whom no connection is shared; `outsider` administers another environment.
"""

from collections.abc import Callable, Iterator
from typing import Any

from django.http import HttpResponse
from django.urls import URLPattern, URLResolver

PERSONS = ("anonymous", "viewer", "unshared", "contributor", "administrator", "outsider")

READ = {"GET": "log in | 200 | 200 | 200 | 200 | 404", "POST": "log in | 405 | 405 | 405 | 405 | 404"}
ACTION = {"GET": "log in | 403 | 405 | 405 | 405 | 404"}
ADMINISTRATION = {"GET": "log in | 403 | 403 | 403 | 200 | 404", "POST": "log in | 403 | 403 | 403 | done | 404"}
MANAGERS_READ = {"GET": "log in | 403 | 403 | 403 | 200 | 404", "POST": "log in | 403 | 403 | 403 | 405 | 404"}
DATA = {"GET": "log in | 403 | 200 | 200 | 200 | 404", "POST": "log in | 403 | done | done | done | 404"}
# One's own account is the same for everybody.
OWN = "log in | 200 | 200 | 200 | 200 | 200"
OWN_DONE = "log in | done | done | done | done | done"
GUIDE = {"GET": "log in | 403 | 403 | 403 | 405 | 404", "POST": "log in | 403 | 403 | 403 | done | 404"}
ON_A_CONNECTION = "log in | 403 | 403 | done | done | 404"
ASKS_ON_A_CONNECTION = {"GET": "log in | 403 | 403 | 200 | 200 | 404", "POST": ON_A_CONNECTION}

TABLE = {
    "home": dict.fromkeys(("GET", "POST"), "log in | done | done | done | done | done"),
    "environment": dict.fromkeys(("GET", "POST"), "log in | done | done | done | done | 404"),
    "help": READ,
    "light": READ,
    "healthz": dict.fromkeys(("GET", "POST"), "200 | 200 | 200 | 200 | 200 | 200"),
    "metrics": {  # no token is set here
        "GET": "404 | 404 | 404 | 404 | 404 | 404",
        "POST": "405 | 405 | 405 | 405 | 405 | 405",
    },
    "account_login": {
        "GET": "200 | done | done | done | done | done",
        "POST": "done | done | done | done | done | done",
    },
    "openid_connect_login": dict.fromkeys(("GET", "POST"), "404 | 404 | 404 | 404 | 404 | 404"),
    "openid_connect_callback": dict.fromkeys(("GET", "POST"), "404 | 404 | 404 | 404 | 404 | 404"),
    "account_logout": {
        "GET": "405 | 405 | 405 | 405 | 405 | 405",
        "POST": "log in | log in | log in | log in | log in | log in",
    },
    "mfa_authenticate": dict.fromkeys(("GET", "POST"), "log in | done | done | done | done | done"),
    "account_inactive": {
        "GET": "403 | 403 | 403 | 403 | 403 | 403",
        "POST": "405 | 405 | 405 | 405 | 405 | 405",
    },
    "account_reset_password": dict.fromkeys(("GET", "POST"), "200 | 200 | 200 | 200 | 200 | 200"),
    "account_reset_password_from_key": dict.fromkeys(("GET", "POST"), "200 | 200 | 200 | 200 | 200 | 200"),
    "account": {"GET": OWN, "POST": "log in | 405 | 405 | 405 | 405 | 405"},
    "account_reauthenticate": {"GET": OWN, "POST": OWN},
    "mfa_reauthenticate": {"GET": OWN_DONE, "POST": OWN_DONE},
    "account_change_password": {"GET": OWN, "POST": OWN},
    "mfa_activate_totp": {"GET": OWN_DONE, "POST": OWN_DONE},
    "mfa_deactivate_totp": dict.fromkeys(("GET", "POST"), "log in | 404 | 404 | 404 | 404 | 404"),
    "mfa_view_recovery_codes": {
        "GET": "log in | 404 | 404 | 404 | 404 | 404",
        "POST": "log in | 405 | 405 | 405 | 405 | 405",
    },
    "mfa_generate_recovery_codes": {"GET": OWN_DONE, "POST": OWN_DONE},
    "account_reading": {"GET": "log in | 405 | 405 | 405 | 405 | 405", "POST": OWN_DONE},
    "account_end_session": {
        "GET": "log in | 405 | 405 | 405 | 405 | 405",
        "POST": "log in | 404 | 404 | 404 | 404 | 404",
    },
    "account_end_other_sessions": {"GET": "log in | 405 | 405 | 405 | 405 | 405", "POST": OWN_DONE},
    "exports:list": READ,
    "exports:changes": READ,
    "exports:history": READ,
    "exports:history_of": READ,
    "exports:history_download": READ,
    "exports:progress": READ,
    "exports:run_progress": READ,
    "exports:file": {
        "GET": "log in | 403 | 403 | done | done | 404",
        "POST": "log in | 403 | 405 | 405 | 405 | 404",
    },
    "exports:add": {"GET": "log in | 403 | 403 | 200 | 200 | 404", "POST": ON_A_CONNECTION},
    "exports:edit": {"GET": READ["GET"], "POST": ON_A_CONNECTION},
    "exports:run": ACTION | {"POST": ON_A_CONNECTION},
    "exports:run_all": {
        "GET": "log in | 403 | 200 | 200 | 200 | 404",
        "POST": "log in | 403 | done | done | done | 404",
    },
    "exports:schedule": ASKS_ON_A_CONNECTION,
    "exports:next_runs": READ,
    "exports:detach": ASKS_ON_A_CONNECTION,
    "exports:duplicate": {"GET": "log in | 403 | 403 | 200 | 200 | 404", "POST": ON_A_CONNECTION},
    "exports:remove": ASKS_ON_A_CONNECTION,
    "system:list": READ,
    "system:changes": READ,
    "system:item": READ,
    "system:history": READ,
    "system:past": READ,
    "system:refresh_all": ADMINISTRATION,
    "system:stop": GUIDE,
    "system:schedule": ADMINISTRATION,
    "system:next": MANAGERS_READ,
    "system:zone": GUIDE,
    "system:ask_pause": MANAGERS_READ,
    "system:pause": GUIDE,
    "system:resume": GUIDE,
    "exports:guide_detach": GUIDE,
    "exports:guide_remove": GUIDE,
    "exports:guide_cancel": GUIDE,
    "exports:cancel": ACTION | {"POST": ON_A_CONNECTION},
    "exports:decide": {"GET": "log in | 403 | 403 | done | done | 404", "POST": "log in | 403 | 405 | 405 | 405 | 404"},
    "exports:let_go": dict.fromkeys(("GET", "POST"), ON_A_CONNECTION),
    "exports:drop": dict.fromkeys(("GET", "POST"), ON_A_CONNECTION),
    "exports:test": ACTION | {"POST": ON_A_CONNECTION},
    "segments:tables": READ,
    "segments:table": READ,
    "segments:choose_shown": GUIDE,
    "segments:relate": ACTION | {"POST": DATA["POST"]},
    "segments:unrelate": DATA,
    "segments:list": READ,
    "segments:row": READ | {"GET": "log in | done | done | done | done | 404"},
    "segments:add": DATA,
    "segments:edit": DATA | {"GET": READ["GET"]},
    "segments:refresh": ACTION | {"POST": DATA["POST"]},
    "segments:remove": DATA,
    "people:list": MANAGERS_READ,
    "people:roles": READ,
    "people:add": ADMINISTRATION,
    "people:edit": ADMINISTRATION,
    "people:change": ADMINISTRATION,
    "people:remove": ADMINISTRATION,
    "people:invitations": MANAGERS_READ,
    "people:renew": {"GET": MANAGERS_READ["POST"], "POST": ADMINISTRATION["GET"]},
    "people:withdraw": ADMINISTRATION,
    "people:groups": MANAGERS_READ,
    "people:add_group": ADMINISTRATION,
    "people:edit_group": ADMINISTRATION,
    "people:remove_group": ADMINISTRATION,
    "invitation": {
        "GET": "200 | 200 | 200 | 200 | 200 | 200",
        "POST": "done | done | done | done | done | done",
    },
    "audit:list": {"GET": "log in | 403 | 403 | 403 | 200 | 404", "POST": "log in | 403 | 403 | 403 | 405 | 404"},
    "audit:download": {"GET": "log in | 403 | 403 | 403 | 405 | 404", "POST": "log in | 403 | 403 | 403 | 200 | 404"},
    "alerts:list": READ,
    "alerts:latest": READ,
    "alerts:bell": READ,
    "alerts:seen": {
        "GET": "log in | 405 | 405 | 405 | 405 | 404",
        "POST": "log in | done | done | done | done | 404",
    },
    "alerts:channels": MANAGERS_READ,
    "alerts:add": MANAGERS_READ,
    "alerts:set_up": ADMINISTRATION,
    "alerts:edit": ADMINISTRATION,
    "alerts:switch": {"GET": MANAGERS_READ["POST"], "POST": ADMINISTRATION["POST"]},
    "alerts:test": ADMINISTRATION,
    "alerts:remove": ADMINISTRATION,
    "connections:list": READ,
    "connections:help": READ,
    "connections:discover": READ,
    "connections:add": ADMINISTRATION | {"POST": "log in | 403 | 403 | 403 | 405 | 404"},
    "connections:set_up": ADMINISTRATION,
    "connections:edit": ADMINISTRATION,
    "connections:share": ADMINISTRATION,
    "connections:remove": ADMINISTRATION,
    "connections:test": ADMINISTRATION,
}
# Django admin asks for staff itself; its addresses are Django's.
ELSEWHERE = {"admin"}
OUTSIDE = {"invitation", "home", "environment", "healthz", "metrics", "account_login", "account_logout"}
OUTSIDE |= {"account_inactive", "account_reset_password", "account_reset_password_from_key", "account"}
OUTSIDE |= {
    "account_reauthenticate",
    "account_change_password",
    "account_end_session",
    "account_end_other_sessions",
    "account_reading",
}
OUTSIDE |= {"mfa_authenticate", "mfa_reauthenticate", "mfa_activate_totp", "mfa_deactivate_totp"}
OUTSIDE |= {"mfa_view_recovery_codes", "mfa_generate_recovery_codes"}

OUTSIDE |= {"openid_connect_login", "openid_connect_callback"}  # single sign-on is not set up here
FRAGMENTS: list[dict[str, str]] = [
    {},
    {"HX-Request": "true", "HX-Target": "panel"},
    {"HX-Request": "true", "HX-Target": "list"},
]


def expected(name: str, method: str) -> dict[str, str]:
    """Return the table's words for one address and method, by person."""
    return dict(zip(PERSONS, TABLE[name][method].split(" | "), strict=True))


def walk(patterns: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the qualified name and the view of every address, but for those of `ELSEWHERE`."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            if pattern.namespace not in ELSEWHERE:
                inner = (*names, pattern.namespace) if pattern.namespace else names
                yield from walk(pattern.url_patterns, inner)
        elif isinstance(pattern, URLPattern):
            yield ":".join((*names, pattern.name or f"unnamed {pattern.pattern}")), pattern.callback


def word_of(response: HttpResponse) -> str:
    """Say an answer in the table's words."""
    where = response.headers.get("Location") or response.headers.get("HX-Redirect", "")
    if where.startswith("/login/"):
        return "log in"
    return "done" if response.status_code in (204, 302) else str(response.status_code)


def is_as_expected(word: str, wanted: str, headers: dict[str, str]) -> bool:
    """Whether an answer fits the table; with htmx an action may answer with its panel."""
    return word == wanted or (wanted == "done" and word == "200" and bool(headers))
