"""`--env local` on a machine where everything else is broken: AWS settings, proxies, locale."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Project, make_project
from tests.functional.aws.test_emulator import PROXIES, SETTINGS
from tests.functional.cli import Ran, opsctl

pytestmark = [pytest.mark.emulator, pytest.mark.postgres]

# No UTF-8 mode, and a locale that knows ASCII alone.
LOCALE = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    made = make_project(tmp_path_factory.mktemp("odd"))
    yield made
    made.target.reset()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Every AWS setting is of no use, ~/.aws too; every proxy leads nowhere; no NO_PROXY."""
    (tmp_path / ".aws").mkdir()
    for broken in ("broken", ".aws/config", ".aws/credentials"):
        (tmp_path / broken).write_text("[default\nbroken", encoding="utf-8")
    settings = {name: value.replace("{home}", str(tmp_path)) for name, value in SETTINGS.items()}
    return {**settings, **PROXIES, **LOCALE, "HOME": str(tmp_path), "NO_PROXY": "", "no_proxy": ""}


def test_a_deploy_and_all_that_follows_need_nothing_of_it(odd: Project, environment: dict[str, str]) -> None:
    def run(*arguments: str) -> Ran:
        ran = opsctl(*arguments, "--env", "local", cwd=odd.root, env=environment)
        assert ran.code == 0, ran.err
        assert ran.out.isascii()
        assert ran.err.isascii()
        return ran

    deployed = run("deploy", "--yes")
    assert "app: ok CREATE_COMPLETE" in deployed.err
    assert "local is deployed as release 1." in deployed.out
    assert "..." in run("diff").out
    run("dataset", "refresh")
    assert run("dataset", "releases", "--json").json["releases"][0]["rows"] == 170
    assert run("db", "status", "--json").json
    assert odd.get("healthz")[0] == 200
