"""Publishing from the command line: what it does, says and refuses, on a bucket and a distribution in memory."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import webbrowser
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from opsctl.cli import app, browser
from opsctl.cli.commands import dashboard
from opsctl.deploy.events import silent
from opsctl.errors import OpsctlError, UsageError
from opsctl.operate import site
from opsctl.operate.site import DeployedSite
from tests.unit.cli.terminal import Terminal

from .shop import Shop, lasting


@dataclass
class Edge:
    """A bucket with its distribution."""

    there: dict[str, bytes] = field(default_factory=dict)
    forgotten: list[tuple[str, ...]] = field(default_factory=list)

    def sizes(self, bucket: str, prefix: str) -> dict[str, int]:
        return {key: len(body) for key, body in self.there.items()}

    def digest(self, bucket: str, key: str) -> str:
        return hashlib.sha256(self.there[key]).hexdigest()

    def upload(self, bucket: str, key: str, path: Path, *, content_type: str, cache_control: str) -> None:
        self.there[key] = path.read_bytes()

    def delete(self, bucket: str, key: str) -> None:
        del self.there[key]

    def invalidate(self, distribution_id: str, paths: Sequence[str], *, reference: str) -> str:
        self.forgotten.append((distribution_id, *paths))
        return f"I{len(self.forgotten)}"

    def site(self, distribution: str = "E1") -> DeployedSite:
        aws: Any = SimpleNamespace(s3=self, cloudfront=self, outlasting=lasting)
        return DeployedSite(aws, "bucket", distribution, "https://site/")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "index.html").write_text("one")
    (tmp_path / "data" / "index.0123456789ab.js").write_text("data")
    return tmp_path


def test_the_first_publish_is_told_and_the_second_does_nothing(folder: Path) -> None:
    edge = Edge()
    result = site.publish_folder(edge.site(), folder, silent)
    assert dashboard._published_text(result) == (
        "2 uploaded, 0 unchanged, 0 removed. CloudFront forgets / /index.html.\nhttps://site/"
    )
    again = site.publish_folder(edge.site(), folder, silent)
    assert dashboard._published_text(again) == "all 2 files are there already.\nhttps://site/"
    assert edge.forgotten == [("E1", "/", "/index.html")]
    assert (result["invalidation"], again["invalidation"]) == ("I1", None)


def test_when_only_data_is_new_nothing_has_to_be_forgotten(folder: Path) -> None:
    edge = Edge()
    site.publish_folder(edge.site(), folder, silent)
    (folder / "data" / "index.0123456789ab.js").rename(folder / "data" / "index.ba9876543210.js")
    result = site.publish_folder(edge.site(), folder, silent)
    assert (result["upload"], result["delete"]) == (("data/index.ba9876543210.js",), ("data/index.0123456789ab.js",))
    assert len(edge.forgotten) == 1


def test_a_bucket_without_a_distribution_is_only_synced(folder: Path) -> None:
    edge = Edge()
    result = site.publish_folder(edge.site(distribution=""), folder, silent)
    assert result["invalidation"] is None
    assert edge.forgotten == []
    assert "index.html" in edge.there


def test_a_folder_without_a_page_is_refused_before_anything_is_touched(tmp_path: Path) -> None:
    edge = Edge()
    with pytest.raises(UsageError, match=r"holds no index\.html"):
        site.publish_folder(edge.site(), tmp_path, silent)
    assert edge.there == {}


def test_an_environment_without_a_site_says_how_to_get_one() -> None:
    target: Any = SimpleNamespace(env=SimpleNamespace(name="local", site=SimpleNamespace(enabled=False)))
    state: Any = None
    with pytest.raises(OpsctlError) as caught:
        site.site_of(target, state)
    assert caught.value.code == "no-dashboard"
    assert "dashboard.enabled" in caught.value.hint


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["publish", "--bucket", "b"], "--region"),
        (["publish", "--bucket", "b", "--region", "us-east-1"], "--dir"),
        (["publish", "--dir", "nowhere"], "nowhere"),
        (["export", "--output-dir", "d", "--filename", "../x.html", "--env", "local"], "no plain file name"),
    ],
)
def test_a_wrong_use_is_one_sentence(
    arguments: list[str], word: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[3])
    assert app.run(["dashboard", *arguments, "--json"]) == 2
    assert word in json.loads(capsys.readouterr().out)["error"]["message"]


@pytest.mark.parametrize(
    ("stdout", "display", "opens"), [(Terminal(), ":0", True), (Terminal(), "", False), (io.StringIO(), ":0", False)]
)
def test_a_browser_opens_only_on_a_terminal_with_a_display(
    stdout: io.StringIO, display: str, opens: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def browse(url: str) -> bool:
        seen.append(url)
        return True

    monkeypatch.setattr(webbrowser, "open", browse)
    monkeypatch.setattr(sys, "stdout", stdout)
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert browser.show("https://site/") is opens
    assert seen == (["https://site/"] if opens else [])


def test_the_pages_to_open_are_the_service_and_a_dashboard_where_there_is_one(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    assert site.page(shop.target, "web") == "https://shop.example.com"
    for what, words in (("dashboard", "has no dashboard"), ("wep", "Did you mean `web`? There are web and dashboard.")):
        with pytest.raises(UsageError) as raised:
            site.page(shop.target, what)
        assert words in str(raised.value)
    with pytest.raises(UsageError, match="has no dashboard"):  # as `opsctl dashboard open` asks
        site.address(shop.target)
    shop.deployed = False
    with pytest.raises(OpsctlError, match="not deployed"):
        site.page(shop.target, "web")
