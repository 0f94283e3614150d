"""Twelve broken sources in one refresh: each says what is wrong, and the data that serves stays as it is."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from salaries.models import DatasetRelease

from tests.service.web import Web

GOOD = "role,salary,source\n" + "".join(f"dev,{1000 + number},web\n" for number in range(40))
SHRUNK = "role,salary,source\ndev,1,web\n"


def broken_sources(web: Web, raw: Path) -> dict[str, tuple[dict[str, Any], str]]:
    """Return name -> (source, what is said of it)."""
    (raw / "link.csv").symlink_to(raw.parent / "elsewhere.csv")
    served = {
        "missing": (web.url("/missing"), "the server answered 404 Not Found"),
        "cut-short": (web.serve("/cut", GOOD.encode(), Content_Length="90000"), "cut short: "),
        "html": (web.serve("/html", b"<!doctype html><p>Sign in</p>"), "the file is HTML or XML, not a CSV"),
        "empty": (web.serve("/empty", b""), "the file is empty"),
        "encoding": (web.serve("/latin", "role\nJosé\n".encode("latin-1")), "not utf-8: wrong byte near position 8"),
        "bomb": (web.serve("/bomb", gzip.compress(bytes(300_000_000))), "unpacks to more than "),
        "slow": (web.url("/slow"), "not done within 2 seconds"),
        "metadata": (
            web.serve("/redirect", b"", 302, Location="http://169.254.169.254/latest/meta-data/"),
            "169.254.169.254 is at 169.254.169.254, where clouds hand out credentials; refused",
        ),
    }
    found: dict[str, tuple[dict[str, Any], str]] = {name: ({"url": url}, said) for name, (url, said) in served.items()}
    found["hash"] = ({"url": web.serve("/hash", GOOD.encode()), "sha256": "0" * 64}, "wrong sha256: ")
    found["link"] = ({"url": web.serve("/link", GOOD.encode())}, "the destination 'link.csv' is a link")
    return {name: ({"name": name, **source}, said) for name, (source, said) in found.items()}


def refresh(folder: Path, sources: list[dict[str, Any]], settings: Any, **options: Any) -> str:
    """Refresh from `sources` and return what was printed."""
    path = folder / "sources.json"
    path.write_text(json.dumps({"sources": sources}))
    settings.SALARY_SOURCES = path
    out = io.StringIO()
    options = {"allow_http": True, "allow_private": True, "timeout": 2.0, **options}
    call_command("refresh_salary_dataset", stdout=out, stderr=out, **options)
    return out.getvalue()


def test_each_says_what_is_wrong_and_the_live_data_stays(
    database: str, data_dir: Path, tmp_path: Path, settings: Any, web: Web, client: Client
) -> None:
    good = {"name": "web", "url": web.serve("/good.csv", GOOD.encode())}
    refresh(tmp_path, [good], settings)
    before = client.get("/api/salaries/", {"role": "dev"})
    web.trickle("/slow", b"X-Filler: 1\r\n", pause_seconds=0.05)
    broken = broken_sources(web, data_dir / "raw")

    out = refresh(tmp_path, [good, *(source for source, _ in broken.values())], settings)
    lines = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    for name, (_, said) in broken.items():
        assert said in lines[name], lines[name]
        assert " failed " in lines[name]
    assert "already active, nothing to load" in out
    with pytest.raises(CommandError, match="Not every source could be fetched"):
        refresh(tmp_path, [good, *(source for source, _ in broken.values())], settings, strict=True)

    escaping = {"name": "dest", "url": good["url"], "dest": "../../escaped.csv"}
    with pytest.raises(CommandError, match=r"must be a plain path under raw/"):
        refresh(tmp_path, [good, escaping], settings)
    web.serve("/good.csv", SHRUNK.encode())
    with pytest.raises(CommandError, match="would shrink the data below half"):
        refresh(tmp_path, [good], settings)

    after = client.get("/api/salaries/", {"role": "dev"})
    assert after.status_code == 200, after.content
    assert (after["ETag"], after.content) == (before["ETag"], before.content)
    assert DatasetRelease.objects.count() == 1
    assert not (tmp_path / "escaped.csv").exists()
    assert not (data_dir / "tmp").exists()
