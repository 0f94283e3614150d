"""Twelve layouts of projects: what `opsctl init` writes for each, and what it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from opsctl.errors import OpsctlError
from opsctl.project.initialise import FILE, initialise
from tests.unit.project.trees import COMPLETE, ENVIRONMENT_SETTINGS, django, environment, init, shop, write

BASE = ENVIRONMENT_SETTINGS.format(package="config")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    return folder


def test_a_settings_package_is_found_by_wsgi_before_manage(root: Path) -> None:
    files = django("config", module="config.settings.dev")
    files["config/wsgi.py"] = (
        'import os\n\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.staging")\n'
    )
    files |= {"config/settings/__init__.py": "", "config/settings/dev.py": "", "config/settings/staging.py": BASE}
    done = init(root, {**files, "requirements.txt": COMPLETE})
    assert done.env.application.settings == "config.settings.staging"
    assert "settings config.settings.staging (from config/wsgi.py:3)" in done.said.assumed
    assert environment(done)["SECRET_KEY"] == "${secret_key}"
    assert done.said.missing == ()


def test_split_settings_are_followed_to_what_they_import(root: Path) -> None:
    files = django("config", module="config.settings.local")
    files |= {
        "config/settings/__init__.py": "",
        "config/settings/base.py": BASE + 'PAYMENTS = os.environ["PAYMENTS_TOKEN"]\n',
        "config/settings/local.py": 'from .base import *\nX = os.environ["ONLY_HERE"]\n',
        "config/settings/production.py": 'from .base import *\nCDN = os.environ["CDN_NAME"]\n',
    }
    done = init(root, {**files, "requirements.txt": COMPLETE})
    assert done.env.application.settings == "config.settings.production"
    assert any("config.settings.local" in line and "for development" in line for line in done.said.assumed)
    assert dict(done.env.application.secrets) == {"PAYMENTS_TOKEN": "set"}
    assert environment(done)["CDN_NAME"] == ""
    assert "ONLY_HERE" not in done.text
    assert any(line.startswith("CDN_NAME has no default") and "production.py:2" in line for line in done.said.missing)


def test_asgi_alone_gets_a_worker_for_it(root: Path) -> None:
    settings = BASE.replace(
        'WSGI_APPLICATION = "config.wsgi.application"', 'ASGI_APPLICATION = "config.asgi.application"'
    )
    files = django("config", settings)
    files["config/asgi.py"] = files.pop("config/wsgi.py")
    done = init(root, {**files, "requirements.txt": COMPLETE})
    assert done.env.application.add == ("uvicorn-worker",)
    assert "ASGI: ASGI_APPLICATION (from config/settings.py:7)" in done.said.assumed


def test_an_asgi_file_beside_wsgi_is_no_evidence(root: Path) -> None:
    files = shop(ENVIRONMENT_SETTINGS.format(package="shop") + 'ASGI_APPLICATION = "shop.asgi.application"\n')
    files["shop/asgi.py"] = files["shop/wsgi.py"]
    done = init(root, files)
    assert done.env.application.add == ()
    assert not any("ASGI" in line for line in done.said.assumed)


def test_channels_are_evidence_of_asgi(root: Path) -> None:
    settings = ENVIRONMENT_SETTINGS.format(package="shop").replace('"django.contrib.admin"', '"daphne", "channels"')
    done = init(root, shop(settings + 'ASGI_APPLICATION = "shop.asgi.application"\n'))
    assert done.env.application.add == ("uvicorn-worker",)


@pytest.mark.parametrize(
    ("required", "added"),
    [("channels\n", ("uvicorn-worker", "websockets")), ("channels\nuvicorn[standard]\n", ("uvicorn-worker",))],
)
def test_channels_get_a_library_for_websockets(root: Path, required: str, added: tuple[str, ...]) -> None:
    settings = ENVIRONMENT_SETTINGS.format(package="shop").replace('"django.contrib.admin"', '"channels"')
    files = shop(settings + 'ASGI_APPLICATION = "shop.asgi.application"\n')
    done = init(root, {**files, "requirements.txt": COMPLETE + required})
    assert done.env.application.add == added


def test_manage_in_a_subfolder_is_found_below_the_requirements(root: Path) -> None:
    files = django("shop", ENVIRONMENT_SETTINGS.format(package="shop"), folder="src")
    done = init(root, {**files, "requirements.txt": COMPLETE})
    assert done.said.project == "src"
    assert done.env.application.path == "."
    assert done.env.application.settings == "shop.settings"
    assert done.env.application.requirements == ("requirements.txt",)
    assert environment(done)["DATABASE_URL"] == "${database.url}"


def test_poetry_is_told_to_export(root: Path) -> None:
    files = shop()
    del files["requirements.txt"]
    files["pyproject.toml"] = """\
        [tool.poetry]
        name = "web-shop"
        [tool.poetry.dependencies]
        python = "^3.11"
        django = "^5.2"
        psycopg2 = "*"
        """
    files["poetry.lock"] = '[[package]]\nname = "gunicorn"\nversion = "23"\n'
    done = init(root, files)
    assert done.env.service == "web-shop"
    assert done.env.application.add == ()
    assert any("poetry export" in line for line in done.said.missing)
    assert any("psycopg2 (pyproject.toml:6)" in line and "psycopg2-binary" in line for line in done.said.missing)


@pytest.mark.parametrize(
    ("folder", "lock", "told"),
    [
        ("", {"Pipfile.lock": "{}"}, "`uvx pipenv requirements --hash > requirements.txt`, and"),
        ("", {}, "`uvx pipenv lock && uvx pipenv requirements --hash > requirements.txt`, and"),
        ("back", {}, "`uvx pipenv lock && uvx pipenv requirements --hash > requirements.txt` in back, and"),
    ],
)
def test_pipenv_is_told_to_export_with_the_hashes_of_its_lock(
    root: Path, folder: str, lock: dict[str, str], told: str
) -> None:
    """Of what is not locked it writes nothing, and says nothing."""
    files = shop() | lock
    del files["requirements.txt"]
    files["Pipfile"] = '[packages]\ndjango = "*"\ngunicorn = "*"\n'
    done = init(root, {f"{folder}/{name}".lstrip("/"): text for name, text in files.items()})
    assert done.env.application.requirements == ("requirements.txt",)
    assert "gunicorn" not in done.env.application.add
    assert f"A Pipfile is read by Pipenv alone: run {told} commit requirements.txt." in done.said.missing


def test_poetry_with_a_project_table_needs_no_export(root: Path) -> None:
    files = shop()
    del files["requirements.txt"]
    files["pyproject.toml"] = '[project]\nname = "shop"\ndependencies = ["django", "psycopg[binary]"]\n'
    files["poetry.lock"] = '[[package]]\nname = "django"\n'
    done = init(root, files)
    assert done.env.application.requirements == ("pyproject.toml",)
    assert done.env.application.add == ("gunicorn",)
    assert done.said.missing == ()


def test_uv_lock_is_taken_as_it_is(root: Path) -> None:
    files = shop()
    del files["requirements.txt"]
    files["pyproject.toml"] = """\
        [project]
        name = "shop"
        requires-python = ">=3.12,<3.13"
        dependencies = ["django>=5"]
        [dependency-groups]
        dev = ["pytest"]
        prod = ["gunicorn"]
        """
    files["uv.lock"] = '[[package]]\nname = "django"\n[[package]]\nname = "gunicorn"\n'
    done = init(root, files)
    application = done.env.application
    assert (application.requirements, application.groups) == (("uv.lock",), ("prod",))
    assert application.add == ("psycopg[binary]",)
    assert application.python == "3.12"
    assert "Python 3.12 (from pyproject.toml:3)" in done.said.assumed


def test_pip_tools_with_hashes_is_said_to_be_hashed(root: Path) -> None:
    files = shop()
    files["requirements.in"] = "django\n"
    files["requirements.txt"] = f"django==5.2 \\\n    --hash=sha256:{'a' * 64}\ngunicorn==23 --hash=sha256:{'b' * 64}\n"
    done = init(root, files)
    assert done.env.application.requirements == ("requirements.txt",)
    assert done.env.application.add == ("psycopg[binary]",)
    assert any("with hashes" in line for line in done.said.assumed)


def test_pip_tools_without_its_result_is_resolved_from_the_source(root: Path) -> None:
    files = shop()
    files["requirements.in"] = files.pop("requirements.txt")
    done = init(root, files)
    assert done.env.application.requirements == ("requirements.in",)
    assert done.env.application.add == ()


def test_pip_tools_source_of_production_is_found_in_its_folder(root: Path) -> None:
    files = shop()
    files["requirements/production.in"] = "-r base.in\ngunicorn\n"
    files["requirements/base.in"] = files.pop("requirements.txt").replace("gunicorn\n", "")
    done = init(root, files)
    assert done.env.application.requirements == ("requirements/production.in",)
    assert done.env.application.add == ()


@pytest.mark.parametrize("lock", [{}, {"uv.lock": '[[package]]\nname = "gunicorn"\n'}], ids=["no lock", "uv.lock"])
def test_an_extra_for_production_is_installed(root: Path, lock: dict[str, str]) -> None:
    files = shop() | lock
    del files["requirements.txt"]
    files["pyproject.toml"] = """\
        [project]
        name = "shop"
        dependencies = ["django"]
        [project.optional-dependencies]
        prod = ["gunicorn", "psycopg[binary]"]
        docs = ["sphinx"]
        """
    done = init(root, files)
    assert (done.env.application.extras, done.env.application.groups) == (("prod",), ())
    assert done.env.application.add == ()


def test_no_lock_is_said_with_what_happens_instead(root: Path) -> None:
    done = init(root, shop())
    assert any("without hashes: opsctl resolves it once, into opsctl.lock" in line for line in done.said.assumed)
    assert done.env.application.add == ()


def test_nothing_that_says_what_to_install_is_missing(root: Path) -> None:
    files = shop()
    del files["requirements.txt"]
    done = init(root, files)
    assert done.env.application.requirements is None
    assert any("requirements.txt" in line for line in done.said.missing)


def test_no_database_means_no_migrations(root: Path) -> None:
    settings = 'import os\nSECRET_KEY = os.environ["SECRET_KEY"]\nALLOWED_HOSTS = ["*"]\nINSTALLED_APPS = ["pages"]\n'
    done = init(root, shop(settings))
    assert done.env.application.release.commands == ()
    assert done.env.application.build.commands == ()
    assert "no migrations, since the settings name no database" in done.said.assumed
    assert done.said.missing == ()


def test_settings_that_are_not_in_git_may_name_a_database_and_static_files(root: Path) -> None:
    """As where everybody copies an example: nothing is known of them, so nothing is left out."""
    files = {
        **django("shop"),
        "shop/settings_docker.py": "",
        "shop/settings_example.py": "",
        "requirements.txt": COMPLETE,
    }
    done = init(root, files)
    assert "release:" not in done.text
    assert done.env.application.build.commands is None
    assert any("shop.settings_docker and shop.settings_example" in line for line in done.said.warnings)


GEOGRAPHY = ENVIRONMENT_SETTINGS.format(package="shop").replace('"django.contrib.admin"', '"django.contrib.gis"')


def test_geodjango_gets_postgis_and_is_told_of_gdal_and_its_engine(root: Path) -> None:
    done = init(root, shop(GEOGRAPHY))
    assert done.env.application.database.extensions == ("postgis",)
    text = "\n".join(done.said.missing)
    assert "needs GDAL" in text
    assert 'DATABASES["default"]["ENGINE"] = "django.contrib.gis.db.backends.postgis"' in text


def test_geodjango_with_a_dockerfile_lacks_nothing(root: Path) -> None:
    engine = 'DATABASES["default"]["ENGINE"] = "django.contrib.gis.db.backends.postgis"\n'
    done = init(root, shop(GEOGRAPHY + engine), dockerfile=True)
    assert done.said.missing == ()
    assert "install --yes --no-install-recommends gdal-bin" in (root / "Dockerfile").read_text(encoding="utf-8")


def test_what_settings_import_themselves_counts_before_what_others_import(root: Path) -> None:
    """A helper's imports may lead through the whole application, and not all of it is read."""
    files = shop("from shop import api\nfrom shop import tools\nSITE = tools.secret('SHOP_TITLE')\n")
    files["shop/api.py"] = "".join(f"from shop import model{number}\n" for number in range(60))
    files |= {f"shop/model{number}.py": "import os\n" for number in range(60)}
    files["shop/tools.py"] = "import os\ndef secret(name):\n    return os.environ[name]\n"
    assert any(line.startswith("SHOP_TITLE has no default") for line in init(root, files).said.missing)


def test_two_projects_are_both_named_and_nothing_is_written(root: Path) -> None:
    write(root, django("shop", "", folder="shop") | django("blog", "", folder="blog"))
    with pytest.raises(OpsctlError) as failed:
        initialise(root)
    assert "blog and shop" in failed.value.message
    assert "--project blog" in failed.value.hint
    assert sorted(each.name for each in root.iterdir()) == ["blog", "shop"]


@pytest.mark.parametrize("name", ["blog", "./sites/blog", "sites/blog/manage.py"])
def test_the_one_of_two_projects_that_is_named_is_taken(root: Path, name: str) -> None:
    settings = ENVIRONMENT_SETTINGS.format(package="web")
    files = django("web", settings, folder="sites/blog") | django("web", settings, folder="sites/shop")
    done = init(root, {**files, "requirements.txt": COMPLETE, "sites/blog/requirements.txt": "django\n"}, project=name)
    assert (done.env.application.path, done.env.service) == ("sites/blog", "blog")
    assert "the project in sites/blog, not sites/shop" in done.said.assumed


def test_a_name_that_is_neither_is_refused_with_both(root: Path) -> None:
    write(root, django("shop", "", folder="shop") | django("blog", "", folder="blog"))
    with pytest.raises(OpsctlError) as failed:
        initialise(root, project="blgo")
    assert failed.value.hint == "Name one of blog and shop."


def test_the_example_of_a_package_is_not_the_project(root: Path) -> None:
    done = init(root, shop() | django("demo", "", folder="example"))
    assert done.said.project == "."


def test_what_is_not_django_is_refused_and_left_alone(root: Path) -> None:
    write(
        root,
        {
            "app.py": "import flask\n",
            "manage.py": "print('not that one')\n",
            "tests/manage.py": "DJANGO_SETTINGS_MODULE",
        },
    )
    with pytest.raises(OpsctlError) as failed:
        initialise(root)
    assert "manage.py" in failed.value.message
    assert failed.value.hint
    assert not (root / FILE).exists()
    assert not (root / ".gitignore").exists()


def test_an_empty_folder_says_what_to_do(root: Path) -> None:
    with pytest.raises(OpsctlError) as failed:
        initialise(root)
    assert "no manage.py was found" in failed.value.message
    assert "django-admin startproject" in failed.value.hint


def test_a_second_run_changes_nothing_and_says_so(root: Path) -> None:
    init(root, shop())
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    said = initialise(root, dockerfile=True)
    assert said.already
    assert said.written == ()
    assert "already here" in said.warnings[0]
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_startproject_is_told_each_line_that_it_lacks(root: Path) -> None:
    subprocess.run([sys.executable, "-m", "django", "startproject", "shop", "."], cwd=root, check=True, timeout=60)
    done = init(root, {"requirements.txt": "django\n"})
    application = done.env.application
    assert application.settings == "shop.settings"
    assert application.add == ("gunicorn", "psycopg[binary]")
    assert environment(done) == {
        "SECRET_KEY": "${secret_key}", "DEBUG": "False", "ALLOWED_HOSTS": "${web.hosts}",
        "PGPASSWORD": "${database.password}",
    }  # fmt: skip
    assert application.database.owner
    assert application.build.commands is None
    text = "\n".join(done.said.missing)
    for part in (
        "import os",
        "SECRET_KEY is written out at",
        "DEBUG is",
        "ALLOWED_HOSTS is",
        "SQLite is",
    ):
        assert part in text
    assert len(done.said.missing) == 5


def test_requirements_that_powershell_wrote_are_read(root: Path) -> None:
    (root / "requirements.txt").write_bytes("django\r\ngunicorn\r\npsycopg[binary]\r\n".encode("utf-16"))
    files = shop()
    del files["requirements.txt"]
    done = init(root, files)
    assert done.env.application.add == ()
    assert done.said.warnings == ()
