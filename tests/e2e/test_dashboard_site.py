"""The dataset's and the dashboard's commands on the local target, up to the page that CloudFront serves."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from .conftest import Project

pytestmark = [pytest.mark.emulator, pytest.mark.postgres]
CHROMIUM = Path("/usr/bin/chromium")
MORE = "cargo,salary,uf\nastronaut,1000,sp\n"


@pytest.fixture(scope="module")
def site(new_project: Project) -> Project:
    """A project with a dashboard site, and with two dataset releases; the second has one role more."""
    config = new_project.root / "environments.yaml"
    config.write_text(config.read_text().replace("target: local\n", "target: local\n    dashboard: {enabled: true}\n"))
    new_project.deploy()
    run(new_project, "dataset", "refresh")
    raw = new_project.root / "data" / "raw" / "by-hand"
    raw.mkdir(parents=True)
    (raw / "more.csv").write_text(MORE)
    run(new_project, "dataset", "load")
    return new_project


def run(project: Project, *arguments: str) -> Any:
    """Run a command and return its result."""
    ran = project.opsctl(*arguments, "--env", "local", "--json")
    assert ran.code == 0, ran.err
    return ran.json


def get(url: str) -> tuple[int, Message, str]:
    """Status, headers and body."""
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def releases(project: Project) -> list[tuple[int, bool, int]]:
    """Number, whether active, and rows of each release."""
    found = run(project, "dataset", "releases")["releases"]
    return [(item["release"], item["active"], item["rows"]) for item in found]


def test_steps_build_and_load_what_was_put_there_by_hand_too(site: Project) -> None:
    assert releases(site) == [(2, True, 171), (1, False, 170)]
    fetched, built = run(site, "dataset", "fetch"), run(site, "dataset", "build")
    assert "sample  unchanged" in "".join(fetched["log"])
    assert "171 rows in = 171 rows out" in "".join(built["log"])
    assert (built["uploaded"], built["unchanged"]) == (0, 1)


def test_a_rollback_asks_and_is_seen_at_once(site: Project) -> None:
    asked = site.opsctl("dataset", "rollback", "--env", "local")
    assert asked.code == 2
    assert "--yes" in asked.err
    run(site, "dataset", "rollback", "--yes")
    assert releases(site) == [(2, False, 171), (1, True, 170)]
    assert "astronaut" not in site.get("/api/filters/")[1]
    run(site, "dataset", "rollback", "2", "--yes")
    assert releases(site) == [(2, True, 171), (1, False, 170)]
    history = run(site, "dataset", "releases")["activations"]
    assert [(flip["release"], flip["how"]) for flip in history] == [
        (2, "rollback"), (1, "rollback"), (2, "load"), (1, "load")
    ]  # fmt: skip
    unknown = site.opsctl("dataset", "rollback", "9", "--yes", "--env", "local")
    assert unknown.code == 1
    assert "There is no release 9 to go back to; kept releases: 2, 1" in unknown.err


def test_what_was_rolled_back_from_stays_away_until_its_file_is_gone(site: Project) -> None:
    bad = site.root / "data" / "raw" / "bad.csv"
    bad.write_text("cargo,salary,uf\nghost,1,sp\nghost,never,sp\n")
    run(site, "dataset", "load")
    run(site, "dataset", "rollback", "--yes")
    bad.unlink()
    refused = site.opsctl("dataset", "refresh", "--env", "local")
    assert refused.code == 6
    assert refused.err.count("The rows are those of release r3, which was rolled back from on ") == 1
    assert "ghost" not in site.get("/api/filters/")[1]
    found = {file["name"]: file["place"] for file in run(site, "dataset", "raw", "list")["files"]}
    assert found["bad.csv"] == "bucket"
    asked = site.opsctl("dataset", "raw", "remove", "bad.csv", "--env", "local")
    assert (asked.code, "--yes" in asked.err) == (2, True)
    assert "bad.csv" not in run(site, "dataset", "raw", "remove", "bad.csv", "--yes")["remaining"]
    assert "already active" in "".join(run(site, "dataset", "refresh")["log"])
    assert [row["value"] for row in run(site, "dataset", "rejects", "3")["rows"]] == ["never"]
    assert run(site, "dataset", "rejects")["rejected"] == 0


def test_what_a_task_prints_is_on_the_screen_once(site: Project) -> None:
    ran = site.opsctl("dataset", "releases", "--env", "local")
    assert (ran.code, '{"' in ran.out + ran.err) == (0, False)
    ran = site.opsctl("dataset", "build", "--env", "local")
    assert (ran.out + ran.err).count("171 rows in = 171 rows out") == 1
    assert "Found endpoint" not in ran.out + ran.err


def test_an_export_is_the_environments_data_in_a_folder(site: Project, tmp_path: Path) -> None:
    result = run(site, "dashboard", "export", "--output-dir", str(tmp_path / "out"), "--filename", "salaries.html")
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert result["files"] == len(files)
    assert result["page"] == str(tmp_path / "out" / "salaries.html")
    assert any("astronaut" in path.read_text() for path in files if path.name.startswith("index."))


def test_the_published_page_is_served_with_its_headers_and_changes_with_the_data(site: Project) -> None:
    first = run(site, "dashboard", "publish")
    url = first["url"]
    assert (first["delete"], first["unchanged"]) == ([], 0)
    assert first["upload"][-1] == "index.html"
    assert run(site, "dashboard", "publish")["summary"] == f"all {len(first['upload'])} files are there already"
    assert run(site, "dashboard", "open")["url"] == url
    status, headers, page = get(url)
    assert (status, headers["Content-Type"], headers["Cache-Control"]) == (200, "text/html; charset=utf-8", "no-cache")
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    index = re.findall(r'src="(data/index[^"]+)"', page)[0]
    status, headers, body = get(url + index)
    assert (status, headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "astronaut" in body
    run(site, "dataset", "rollback", "--yes")
    second = run(site, "dashboard", "publish")
    assert index in second["delete"]
    assert second["invalidate"] == ["/", "/index.html"]
    assert get(url + index)[0] == 404
    assert "astronaut" not in get(url + re.findall(r'src="(data/index[^"]+)"', get(url)[2])[0])[2]
    told = site.aws("cloudfront", "list-invalidations", "--distribution-id", distribution(site))
    assert len(told["InvalidationList"]["Items"]) == 2


def distribution(project: Project) -> str:
    """The distribution's id."""
    return str(project.opsctl("outputs", "--env", "local", "--json", "dashboard.DistributionId").json)


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="chromium is not installed")
def test_the_published_page_shows_figures_under_the_policy_of_its_site(site: Project) -> None:
    from playwright.sync_api import sync_playwright

    url = run(site, "dashboard", "publish")["url"]
    problems: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_page()
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("requestfailed", lambda request: problems.append(request.url))
        page.goto(url)
        page.wait_for_selector("#results[aria-busy=false]")
        assert page.is_visible("#figures")
        assert "16 salaries" in page.inner_text("#based")  # and one in another currency
        browser.close()
    assert problems == []
