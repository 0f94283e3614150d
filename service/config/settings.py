"""Django settings, all from the environment. Outside `DEPLOY_ENV=local` nothing security relevant has a default."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from config.databases import databases
from config.env import EnvironmentVariableError, env_choice, env_flag, env_list, env_str
from config.json_log import logging_config

BASE_DIR = Path(__file__).resolve().parent.parent
DEPLOY_ENV = env_str("DEPLOY_ENV")
LOCAL = DEPLOY_ENV == "local"
DEBUG = False

SECRET_KEY = env_str("DJANGO_SECRET_KEY", "local-only-" + "not-a-secret-" * 4 if LOCAL else None)
if not LOCAL and len(SECRET_KEY) < 50:
    raise EnvironmentVariableError("DJANGO_SECRET_KEY is too short: it must hold at least 50 characters.")
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"] if LOCAL else None)
if "*" in ALLOWED_HOSTS:
    raise EnvironmentVariableError("ALLOWED_HOSTS holds '*', which would accept any Host header; name the hosts.")

TLS = env_flag("TLS", default=not LOCAL)
# The load balancer ends TLS and says so in this header; it overwrites what a client sends.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TLS else None
SECURE_SSL_REDIRECT = TLS
SECURE_HSTS_SECONDS = 31_536_000 if TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = TLS
SECURE_HSTS_PRELOAD = TLS
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = TLS
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

DATA_DIR = Path(env_str("DATA_DIR", str(BASE_DIR.parent / "data") if LOCAL else None))
DATABASES = databases(local=LOCAL, data_dir=DATA_DIR)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# The image holds the data folder inside the service's root; a checkout has it beside the service.
_SHIPPED_SOURCES = [folder / "data" / "salary_sources.json" for folder in (BASE_DIR, BASE_DIR.parent)]
SALARY_SOURCES = Path(
    env_str("SALARY_SOURCES", str(next((p for p in _SHIPPED_SOURCES if p.is_file()), _SHIPPED_SOURCES[0])))
)
DATASET_BUCKET = env_str("DATASET_BUCKET", "")
DATASET_COUNTRY = env_str("DATASET_COUNTRY", "Brazil")
# Releases kept besides the active one, so that a reader in flight and a rollback both find their rows.
DATASET_RELEASES_KEPT = 3
# A release switch is seen by every worker within a second; half of that leaves room for a slow request.
RELEASE_CACHE_SECONDS = 0.5

INSTALLED_APPS = ["salaries"]
MIDDLEWARE = [
    "config.middleware.probes",
    "config.middleware.request_log",
    "django.middleware.security.SecurityMiddleware",
    "config.middleware.security_headers",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
# Unknown parameters are ignored however many; the server limits the whole line, and no form is ever read.
DATA_UPLOAD_MAX_NUMBER_FIELDS = None
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False

LOG_LEVEL = env_choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO")
LOGGING = logging_config(LOG_LEVEL)
