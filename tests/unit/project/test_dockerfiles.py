"""What `opsctl init` makes of a Dockerfile that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.project.trees import environment, init, shop

STARTED = """\
    services:
      django: {build: ., command: /start}
      celeryworker: {build: ., command: /start-celeryworker}
    """


def test_a_script_of_an_image_that_is_not_used_does_not_serve(tmp_path: Path) -> None:
    """As the big template's compose file has it."""
    image = "FROM python:3.13-slim\nCOPY start /start\nUSER app\n"
    done = init(tmp_path, {**shop(), "docker-compose.production.yml": STARTED, "Dockerfile": image})
    assert done.env.application.dockerfile is None
    assert done.env.application.web.command is None
    assert (
        "docker-compose.production.yml:2 serves by `/start`, a script of another image, so opsctl's own command does."
    ) in done.said.warnings


def test_a_script_of_the_image_that_is_used_serves(tmp_path: Path) -> None:
    image = "FROM python:3.13-slim\nRUN apt-get update && apt-get install -y gdal-bin\nCOPY start /start\nUSER app\n"
    done = init(tmp_path, {**shop(), "docker-compose.production.yml": STARTED, "Dockerfile": image})
    assert done.env.application.dockerfile == "Dockerfile"
    assert done.env.application.web.command == ("/start",)


@pytest.mark.parametrize("folder", ["/usr/local/bin", "/code/.venv/bin"])
def test_a_program_of_a_package_is_called_by_its_name(tmp_path: Path, folder: str) -> None:
    image = f'FROM python:3.13-slim\nUSER app\nCMD ["{folder}/gunicorn", "shop.wsgi", "-w", "3", "-b", ":8000"]\n'
    done = init(tmp_path, {**shop(), "Dockerfile": image})
    assert done.env.application.web.command == ("gunicorn", "shop.wsgi", "-w", "3", "-b", ":8000")


def test_a_dockerfile_that_brings_nothing_of_its_own_is_left_aside(tmp_path: Path) -> None:
    image = """\
        FROM python:3.12-slim AS build
        RUN apt-get update && apt-get install -y --no-install-recommends build-essential libpq-dev \\
            gettext && rm -rf /var/lib/apt/lists/*
        RUN pip install -r requirements.txt
        ENV THEME=dark SECRET_TOKEN=build
        USER app
        CMD ["gunicorn", "shop.wsgi"]
        """
    done = init(tmp_path, {**shop(), "Dockerfile": image})
    application = done.env.application
    assert application.dockerfile is None
    assert application.python == "3.12"
    assert "# dockerfile: Dockerfile" in done.text
    assert environment(done)["THEME"] == "dark"
    assert "SECRET_TOKEN: build" not in done.text


def test_a_dockerfile_with_system_packages_is_used(tmp_path: Path) -> None:
    image = "FROM python:3.12-slim\nRUN apt-get update && apt-get install -y gdal-bin libgeos-c1\n"
    image += 'ENTRYPOINT ["/entrypoint.sh"]\nCMD ["gunicorn", "shop.wsgi"]\n'
    done = init(tmp_path, {**shop(), "Dockerfile": image})
    assert done.env.application.dockerfile == "Dockerfile"
    assert any("Dockerfile:2" in line for line in done.said.assumed)
    assert any("entry point (Dockerfile:3)" in line for line in done.said.warnings)
    assert any("would run as root" in line for line in done.said.warnings)


def test_an_image_of_their_own_needs_a_place_for_static_files(tmp_path: Path) -> None:
    """opsctl collects into a place of its own, which a Dockerfile can't know of."""
    files = {**shop(), "requirements.txt": "django\n", "Dockerfile": "FROM python:3.13-slim\nCMD gunicorn shop.wsgi\n"}
    files["shop/settings.py"] = files["shop/settings.py"].replace("STATIC_ROOT", "OTHER")
    wanted = "sets no STATIC_ROOT, into which Dockerfile has to collect"
    native = init(tmp_path / "native", files)
    assert any(line.startswith("opsctl collects and serves") for line in native.said.assumed)
    assert not any(wanted in line for line in native.said.missing)
    docker = init(tmp_path / "docker", {**files, "heroku.yml": "build: {docker: {web: Dockerfile}}"})
    assert any(wanted in line for line in docker.said.missing)
    assert not any("opsctl collects" in line for line in docker.said.assumed)


def test_an_entry_point_that_serves_is_the_command_and_cmd_its_arguments(tmp_path: Path) -> None:
    image = 'FROM python:3.13-slim\nENTRYPOINT ["gunicorn", "shop.wsgi", "--threads", "9"]\nCMD ["--workers", "3"]\n'
    both = init(tmp_path / "both", {**shop(), "Dockerfile": image}).text
    assert 'command: [gunicorn, shop.wsgi, --threads, "9", --workers, "3", --bind' in both
    alone = init(tmp_path / "alone", {**shop(), "Dockerfile": image.partition("CMD")[0]}).text
    assert 'command: [gunicorn, shop.wsgi, --threads, "9", --bind' in alone


def test_a_script_that_opsctls_own_image_does_not_run_is_told(tmp_path: Path) -> None:
    image = 'FROM python:3.13-slim\nENTRYPOINT ["{}"]\nCMD ["gunicorn", "shop.wsgi"]\n'
    said = init(tmp_path / "script", {**shop(), "Dockerfile": image.format("/srv/entry.sh")}).said
    assert (
        "opsctl's own image does not run /srv/entry.sh (Dockerfile:2): what it prepares belongs under `release`."
        in said.warnings
    )
    said = init(tmp_path / "tini", {**shop(), "Dockerfile": image.format("/usr/bin/tini")}).said
    assert not any("does not run" in line for line in said.warnings)


@pytest.mark.parametrize("name", ["setup.cfg", "environment.yml"])
def test_a_file_that_says_what_to_install_in_another_way_is_named(tmp_path: Path, name: str) -> None:
    files = {path: text for path, text in shop().items() if path not in {"requirements.txt", "pyproject.toml"}}
    missing = init(tmp_path, {**files, name: "django\n"}).said.missing
    assert f"{name} is not read for what to install, so Django alone is: write requirements.txt for more." in missing
