"""Which errors of a project's URLs are final: Django itself imports them, in one process for all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.functional.cli import ROOT

HOOK = ROOT / "opsctl" / "layer" / "files" / "hook"
SETTINGS = """
SECRET_KEY = "x"
INSTALLED_APPS = ["django.contrib.contenttypes"]
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "HOST": "127.0.0.1", "PORT": "1", "NAME": "x"}}
"""
QUERY = "from django.contrib.contenttypes.models import ContentType as Row"
DEAD = f"{QUERY}\ntry: Row.objects.first()\nexcept Exception as error:\n    "
CONFIGURED = "from django.core.exceptions import ImproperlyConfigured as Error\n"
NEVER = {
    "no_module": "import shop_views",
    "no_name": "urlpatterns = [index]",
    "no_syntax": "urlpatterns = [",
    "no_patterns": "",
    "no_view": "import os as views\nurlpatterns = [views.index]",
    "no_class_attribute": "class View: pass\nurlpatterns = [View.as_view]",
    "function_as_class": "def view(request): pass\nurlpatterns = [view.as_view()]",
    "no_setting": "from django.conf import settings\nsettings.SHOP_KEY",
    "wrong_view": "from django.urls import path\nurlpatterns = [path('', 'shop.views.index')]",
    "wrong_option": "from django.views.generic import View\nurlpatterns = [View.as_view(tempalte='a')]",
    "model_without_app": "from django.db import models\nclass Row(models.Model): pass\n",
    "not_configured": f"{CONFIGURED}raise Error('SHOP_KEY')",
    "no_key": f"{CONFIGURED}try: {{}}['SHOP_KEY']\nexcept KeyError as error: raise Error('SHOP_KEY') from error",
}
MAY_PASS = {
    "no_database": f"{QUERY}\nRow.objects.first()",
    "no_database_told_as_configuration": f"{CONFIGURED}{DEAD}raise Error('x') from error",
    "no_database_told_as_configuration_alone": f"{CONFIGURED}{DEAD}raise Error('x') from None",
    "no_database_told_as_another": f"{CONFIGURED}{DEAD}raise Error('x') from ValueError('y')",
    "no_database_and_no_module_instead": f"{DEAD}import shop_views",
    "no_database_and_no_name_instead": f"{DEAD}print(fallback)",
    "no_connection": "import socket\nsocket.create_connection(('127.0.0.1', 9), 0.1)\n",
    "no_answer_yet": "row = None\nrow.name",
    "no_item_yet": "rows = []\nrows[0]",
    "no_text_yet": "import json\njson.loads('')",
    "no_thread": "raise RuntimeError('can not start new thread')",
    "other_library": "class Refused(Exception): pass\nraise Refused\n",
    "other_library_told_as_configuration": (
        f"{CONFIGURED}class Refused(Exception): pass\n"
        "try: raise Refused\nexcept Refused as error: raise Error('x') from error"
    ),
    "no_json_told_as_configuration": (
        f"{CONFIGURED}import json\ntry: json.loads('')\nexcept ValueError as error: raise Error('x') from error"
    ),
}
ASK = """
import json, sys
from types import SimpleNamespace
import django
from django.conf import settings
from opsctl_urls import Urls

django.setup()
found = {}
for name in sys.argv[1:]:
    settings.ROOT_URLCONF = name
    urls = Urls()
    found[name] = [urls.ready(), urls.ready()]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[int]]:
    """What two health checks are answered while the URLs are imported, by the module that holds them."""
    folder: Path = tmp_path_factory.mktemp("project")
    (folder / "shop_settings.py").write_text(SETTINGS)
    for name, text in {**NEVER, **MAY_PASS}.items():
        (folder / f"{name}.py").write_text(text)
    environ = {**os.environ, "PYTHONPATH": f"{HOOK}:{folder}", "DJANGO_SETTINGS_MODULE": "shop_settings"}
    ran = subprocess.run(
        [sys.executable, "-c", ASK, *NEVER, *MAY_PASS], env=environ, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, list[int]] = json.loads(ran.stdout)
    return found


@pytest.mark.parametrize("name", NEVER)
def test_what_the_code_itself_lacks_is_final(name: str, answers: dict[str, list[int]]) -> None:
    assert answers[name] == [500, 500]


@pytest.mark.parametrize("name", MAY_PASS)
def test_what_may_pass_is_waited_for(name: str, answers: dict[str, list[int]]) -> None:
    assert answers[name] == [503, 503]
