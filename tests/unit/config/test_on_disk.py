"""What environments.yaml names and the checkout lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsctl.config.loader import load

FILES = (
    "app/manage.py", "app/shop/settings.py", "app/shop/__init__.py", "app/src/own/conf.py", "app/kit/__init__.py",
    "app/requirements.txt", "docker/prod/Dockerfile",
)  # fmt: skip
HEAD = "defaults:\n  service: shop\n  client: acme\n  application:\n"
TAIL = "environments:\n  local: {target: local, ecs: {manage_repository: true}}\n"


def notes(root: Path, *lines: str) -> list[str]:
    """What is said of a block with these lines, without the file's name; the first is line 5."""
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    path = root / "environments.yaml"
    path.write_text(HEAD + "".join(f"    {line}\n" for line in lines) + TAIL, encoding="utf-8")
    assert load(path).notes == ()
    return [note.removeprefix(f"{path}:") for note in load(path, checkout=True).notes]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("path: ap", "5: defaults.application.path: there is no folder `ap` beside this file. Did you mean `app`?"),
        ("path: service", "5: defaults.application.path: there is no folder `service` beside this file. "
         "Write the folder that manage.py is in or below."),
        ("dockerfile: docker/prd/Dockerfile", "5: defaults.application.dockerfile: there is no file "
         "`docker/prd/Dockerfile` beside this file. Write one that is there."),
        ("dockerfile: docker/prod/Dokerfile", "5: defaults.application.dockerfile: there is no file "
         "`docker/prod/Dokerfile` beside this file. Did you mean `docker/prod/Dockerfile`?"),
    ],
)  # fmt: skip
def test_a_path_that_leads_nowhere_is_told(tmp_path: Path, line: str, said: str) -> None:
    assert notes(tmp_path, line) == [said]


def test_requirements_and_settings_are_looked_for_below_the_path(tmp_path: Path) -> None:
    found = notes(
        tmp_path, "path: app", "requirements: [requirements.txt, requirement.txt]", "settings: config.settings",
        "web: {settings: shop.setings}", "jobs: {refresh: {command: [a], settings: shop.settings}}",
    )  # fmt: skip
    way_out = "Write the one that manage.py or wsgi.py names, unless a package that is installed brings it."
    assert found == [
        "6: defaults.application.requirements: there is no file `requirement.txt` in application.path, `app`. "
        "Did you mean `requirements.txt`?",
        f"7: defaults.application.settings: no file below `app` is the module config.settings. {way_out}",
        f"8: defaults.application.web.settings: no file below `app` is the module shop.setings. {way_out}",
    ]


@pytest.mark.parametrize(
    ("file", "text", "way_out"),
    [
        ("pyproject.toml", "[tool.poetry.dependencies]\n",
         "Run `uvx --with poetry-plugin-export poetry export --output requirements.txt` there."),
        ("Pipfile", "", "Run `uvx pipenv lock && uvx pipenv requirements --hash > requirements.txt` there."),
        ("pyproject.toml", "[project]\n", "Write one that is there."),
    ],
)  # fmt: skip
def test_requirements_that_another_tool_has_are_told_with_its_export(
    tmp_path: Path, file: str, text: str, way_out: str
) -> None:
    (tmp_path / "app" / "back").mkdir(parents=True)
    (tmp_path / "app" / "back" / file).write_text(text)
    (found,) = notes(tmp_path, "path: app/back", "requirements: requirements.txt")
    assert found.endswith(f"there is no file `requirements.txt` in application.path, `app/back`. {way_out}")


@pytest.mark.parametrize("module", ["shop.settings", "own.conf", "kit", "shop"])
@pytest.mark.parametrize("path", ["app", "."])
def test_a_module_that_is_or_may_be_there_is_passed_over(tmp_path: Path, module: str, path: str) -> None:
    assert notes(tmp_path, f"path: {path}", f"settings: {module}") == []


def test_an_image_that_is_there_needs_no_files(tmp_path: Path) -> None:
    assert notes(tmp_path, "image: shop:1", "path: nowhere", "settings: shop.conf") == []
