"""WSGI application; the environment is read when this module is imported."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from config.db.limit import limit_questions

limit_questions()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()
