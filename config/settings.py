"""Settings, read from the environment; docs/configuration.md lists every variable.

A value that cannot be used raises ImproperlyConfigured with the variable's name and what to write instead.
"""

import hashlib
import ipaddress
import os

import dj_database_url
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from config import embedded_postgres, keys, mail, places
from config.logs import logging_settings
from config.portal_url import portal_url
from config.single_sign_on import group_roles, providers

BASE_DIR = places.ROOT


def _flag(name: str, default: bool) -> bool:
    """Return the on/off variable `name`."""
    value = os.environ.get(name, "").strip().lower()
    if value in {"", "1", "true", "yes", "on", "0", "false", "no", "off"}:
        return default if not value else value in {"1", "true", "yes", "on"}
    raise ImproperlyConfigured(f"{name}={value!r} is neither on nor off. Write 1 or 0.")


def _words(name: str, default: str = "") -> list[str]:
    """Return the comma-separated variable `name` as a list."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def _number(name: str, default: int, least: int = 0) -> int:
    """Return the whole-number variable `name`, at least `least`."""
    value = os.environ.get(name, str(default)).strip()
    if value.isascii() and value.isdigit() and int(value) >= least:
        return int(value)
    raise ImproperlyConfigured(f"{name}={value!r} is not a whole number of at least {least}.")


def _cores(least: int, most: int) -> int:
    """Return the number of cores that this process may use, within bounds."""
    number = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(max(least, number), most)


def _networks(name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Return the networks (CIDR) listed in variable `name`."""
    try:
        return [ipaddress.ip_network(word) for word in _words(name)]
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{name}: {error}. Write networks like 10.20.0.0/16, separated by commas."
        ) from error


DEBUG = _flag("WAYBILL_DEBUG", False)
DATA_DIR = places.data_dir()

# Keys are made once, below the data directory, unless the environment supplies them.
SECRET_KEY = os.environ.get("WAYBILL_SECRET_KEY") or keys.secret_key(DATA_DIR)
SECRETS_KEYS = _words("WAYBILL_SECRETS_KEYS")  # empty where they come from the file, which is read at each use
SECRETS_KEYS_FILE = (
    None if SECRETS_KEYS else keys.secrets_keys_file(DATA_DIR, os.environ.get("WAYBILL_SECRETS_KEYS_FILE", ""))
)
keys.refuse_useless(SECRETS_KEYS, SECRETS_KEYS_FILE)
# What secrets may refer to instead of being typed: variables with this prefix, files below this directory.
SECRETS_ENV_PREFIX = keys.env_prefix(os.environ.get("WAYBILL_SECRETS_ENV_PREFIX", keys.ENV_PREFIX))
SECRETS_DIR = keys.secrets_dir(os.environ.get("WAYBILL_SECRETS_DIR", ""), DATA_DIR, SECRETS_KEYS_FILE)

ALLOWED_HOSTS = _words("WAYBILL_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = _words("WAYBILL_ORIGINS")
ALLOWED_NETWORKS = _networks("WAYBILL_ALLOWED_NETWORKS")
# The Local folder connection type writes below this directory only; unset means that the type is off.
LOCAL_FOLDER_BASE = os.environ.get("WAYBILL_LOCAL_FOLDER_BASE", "")
# Runs that one machine's `exports` cluster works on at the same time, and the memory one may take (MB).
EXPORT_WORKERS = _number("WAYBILL_EXPORT_WORKERS", 2, least=1)
RUN_MEMORY_MB = _number("WAYBILL_RUN_MEMORY_MB", 1024, least=128)
RUN_DEADLINE_SECONDS = _number("WAYBILL_RUN_DEADLINE_SECONDS", 6 * 3600, least=60)
# How long a worker may be silent before its run is given to another one.
RUN_LEASE_SECONDS = _number("WAYBILL_LEASE_SECONDS", 30, least=2)
# The web server (config/web_server.py): its processes, one for each core, and what it bounds.
WEB_WORKERS = _number("WAYBILL_WEB_WORKERS", _cores(2, 4), least=1)
REQUEST_SECONDS = _number("WAYBILL_REQUEST_SECONDS", 30, least=1)
CONNECTIONS_OF_AN_ADDRESS = _number("WAYBILL_CONNECTIONS_PER_ADDRESS", 64, least=8)
KEEP_RUNS_DAYS = _number("WAYBILL_KEEP_RUNS_DAYS", 730, least=1)
DEMO = _flag("WAYBILL_DEMO", False)

INSTALLED_APPS = [
    "config",
    "django_q",
    "roles",
    "segments",
    "connections",
    "exports",
    "roles.desk.apps.SupportAdminConfig",  # Django admin
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "django_htmx",
    "template_partials.apps.SimpleAppConfig",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
]

MIDDLEWARE = [
    # First, so that static files and refused hosts are answered with these headers too.
    "roles.net.headers.HeadersMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "roles.reader.ReaderMiddleware",
    "roles.access.middleware.TextMiddleware",
    "roles.audit.origin.OriginMiddleware",  # before all that may write the audit log
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "roles.sign_in.sessions.SessionUseMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "roles.access.middleware.SignInRequiredMiddleware",
    "roles.ui.panels.PanelMiddleware",  # after the log-in, which leads back to the panel
    "roles.net.limits.LimitMiddleware",
    "roles.desk.middleware.SeeingMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "template_partials.loader.Loader",
                    [
                        (
                            "django.template.loaders.cached.Loader",
                            [
                                "roles.ui.templates.Loader",
                                "django.template.loaders.app_directories.Loader",
                            ],
                        )
                    ],
                )
            ],
            "builtins": [
                "template_partials.templatetags.partials",
                "django.templatetags.i18n",
                "django.templatetags.static",
                "roles.templatetags.waybill",
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "roles.frame.context.portal",
                "exports.context.exporting",
            ],
        },
    },
]

DATABASE_URL = os.environ.get("DATABASE_URL", "")
EMBEDDED_DATABASE = not DATABASE_URL
if DATABASE_URL:
    try:
        DATABASES = {"default": dj_database_url.parse(DATABASE_URL)}
    except ValueError:  # its text quotes parts of the password
        raise ImproperlyConfigured(
            "DATABASE_URL cannot be read. Write postgresql://user:password@host/name, "
            "with %23 for # and %2F for / in the password."
        ) from None
    if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
        raise ImproperlyConfigured("DATABASE_URL must start with postgresql://: Waybill needs PostgreSQL.")
else:
    DATABASES = {"default": embedded_postgres.database_settings(DATA_DIR)}
# Never OPTIONS["pool"] here: psycopg's pool is shared through fork and stops the clusters.
DATABASES["default"] |= {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "roles.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTHENTICATION_BACKENDS = ["roles.sign_in.social_backend.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "roles.sign_in.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "roles.sign_in.forms.LoginForm",
    "change_password": "roles.sign_in.forms.ChangePasswordForm",
    "reauthenticate": "roles.sign_in.forms.ReauthenticateForm",
    "reset_password_from_key": "roles.sign_in.forms.ResetPasswordForm",
}
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_EMAIL_VERIFICATION = "none"  # whoever invites vouches for the address
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
ACCOUNT_LOGOUT_REDIRECT_URL = LOGOUT_REDIRECT_URL
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_RATE_LIMITS = False  # roles/sign_in/tries.py counts instead
PASSWORD_RESET_TIMEOUT = 2 * 3600
# Roles that groups of the single sign-on carry, besides those of the Permissions page.
GROUP_ROLES = group_roles("WAYBILL_OIDC_ROLES")
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Waybill"
MFA_RECOVERY_CODE_COUNT = 10
MFA_ADAPTER = "roles.sign_in.second_factor.MFAAdapter"
MFA_FORMS = {
    "authenticate": "roles.sign_in.second_factor.AuthenticateForm",
    "reauthenticate": "roles.sign_in.second_factor.ReauthenticateByCodeForm",
    "activate_totp": "roles.sign_in.second_factor.ActivateForm",
}
MFA_TOTP_TOLERANCE = 1  # a clock may be half a minute off; roles/sign_in/second_factor.py takes each code once
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_ALLOW_UNVERIFIED_EMAIL = True  # nobody signs up by themselves, so an address cannot be somebody else's

# Without a mail server nothing is sent, and the pages that would say so.
vars().update(mail.mail_settings(os.environ.get("WAYBILL_EMAIL_URL", "")))
MAIL_IS_SET_UP = bool(os.environ.get("WAYBILL_EMAIL_URL"))
DEFAULT_FROM_EMAIL = SERVER_EMAIL = os.environ.get("WAYBILL_EMAIL_FROM", "") or "Waybill <waybill@localhost>"

# What roles/net/limits.py bounds is counted here, for all web processes together.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "roles_cache",
        "OPTIONS": {"MAX_ENTRIES": 20_000},  # beyond it counters would be dropped before their time
    },
}

LANGUAGE_CODE = "en"
# In their own words. Without a second one nobody is asked to choose (roles/language.py).
LANGUAGES = [("en", "English")]
LOCALE_PATHS = [BASE_DIR / "config" / "locale"]
if DEBUG:  # `manage.py pseudo_locale` makes it: what stays plain in it no language can translate
    LANGUAGES.append(("en-x-pseudo", "⟦Þšéûđô~⟧"))
    LOCALE_PATHS.append(DATA_DIR / "locale")
TIME_ZONE = os.environ.get("WAYBILL_TIME_ZONE", "UTC")
USE_TZ = True
FORMAT_MODULE_PATH = "config.formats"  # what Django formats by itself is as roles/ui/locales.py has it
USE_THOUSAND_SEPARATOR = True

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.static.StaticStorage"},
}

# The row of a run is the truth, a task is only a nudge (docs/rules.md).
Q_CLUSTER = {
    "name": "exports",
    "orm": "default",
    "workers": EXPORT_WORKERS,
    "queue_limit": 1,
    "bulk": 1,
    "poll": 0.2,
    "timeout": 86400,
    "retry": 86700,
    "ack_failures": True,
    "max_attempts": 1,
    "catch_up": False,
    "scheduler": False,
    "guard_cycle": 0.5,
    "save_limit": 0,
    "recycle": 500,
    "max_rss": 400_000,
    "log_level": "WARNING",
    "label": _("Queue"),
    # A system refresh takes two at most: one is left for mails, tests and what people ask for.
    "ALT_CLUSTERS": {"chores": {"workers": 3, "timeout": 600, "retry": 3600}},
}

# Everything comes from this site; nothing inline. htmx is served from here too.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "manifest-src": [SELF],
    }
}

# Secure cookies, HSTS, redirect; `manage.py up`, which serves http://localhost, sets WAYBILL_HTTPS=0.
HTTPS = _flag("WAYBILL_HTTPS", True)
SECURE_SSL_REDIRECT = HTTPS
# Links in what is sent from the background, where no request says how the portal is reached.
PORTAL_URL = portal_url(os.environ.get("WAYBILL_URL", ""), CSRF_TRUSTED_ORIGINS, ALLOWED_HOSTS, https=HTTPS)
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
METRICS_TOKEN = os.environ.get("WAYBILL_METRICS_TOKEN", "")
# One proxy: what it says of the client is the last word of X-Forwarded-For; the rest is the client's own.
BEHIND_PROXY = _flag("WAYBILL_BEHIND_PROXY", False)
ALLAUTH_TRUSTED_PROXY_COUNT = int(BEHIND_PROXY)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SECURE = HTTPS
# A session ends this long after its last use (roles/sign_in/sessions.py), and with the browser.
SESSION_COOKIE_AGE = _number("WAYBILL_SESSION_HOURS", 12, least=1) * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
CSRF_COOKIE_SECURE = HTTPS
# Browsers share cookies between the ports of a host: two installations on one machine need names of their own.
_OWN = hashlib.sha256(b"cookies" + SECRET_KEY.encode()).hexdigest()[:8]
SESSION_COOKIE_NAME = f"waybill_session_{_OWN}"
CSRF_COOKIE_NAME = f"waybill_csrf_{_OWN}"
DEVICE_COOKIE_NAME = f"waybill_device_{_OWN}"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "roles.views.csrf_failure"
DEFAULT_EXCEPTION_REPORTER_FILTER = "roles.reporting.ReportFilter"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000
DATA_UPLOAD_MAX_NUMBER_FILES = 0  # nothing is uploaded: files would go to the disk, whatever their size

# Single sign-on; roles/sign_in/social_*.py
SOCIALACCOUNT_PROVIDERS = providers(https=HTTPS, link_email=_flag("WAYBILL_OIDC_LINK_EMAIL", False))
SOCIALACCOUNT_ADAPTER = "roles.sign_in.social_adapter.SocialAccountAdapter"
SOCIALACCOUNT_STORE_TOKENS = False
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if HTTPS else "http"
LOCAL_LOGIN = _flag("WAYBILL_LOCAL_LOGIN", True)
if not LOCAL_LOGIN and not SOCIALACCOUNT_PROVIDERS:
    raise ImproperlyConfigured("WAYBILL_LOCAL_LOGIN=0 needs single sign-on. Write 1, or set WAYBILL_OIDC_ISSUER.")

LOGGING = logging_settings()
