"""Publishing a site: what goes up and in which order, with which headers, what goes away, what CloudFront forgets."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from opsctl.deploy.events import Event, Progress
from opsctl.operate.publishing import (
    PublishPlan,
    SiteFile,
    cache_control,
    content_type,
    is_hashed,
    plan_publish,
    publish,
    published,
    site_files,
)

if TYPE_CHECKING:
    from opsctl.aws.s3 import S3

DATA = "data/0a1b2c3d4e.0123456789ab.js"
OLD = "data/0a1b2c3d4e.ba9876543210.js"
STYLE = "dashboard.0123456789ab.css"
SITE = {
    key: SiteFile(1, digest) for key, digest in {"index.html": "1", STYLE: "2", DATA: "3", "robots.txt": "4"}.items()
}


def digests(files: dict[str, SiteFile]) -> dict[str, str]:
    return {key: file.digest for key, file in files.items()}


def test_a_first_publish_uploads_everything_and_the_page_last() -> None:
    plan = plan_publish(SITE, {})
    assert plan.upload == (STYLE, DATA, "robots.txt", "index.html")
    assert (plan.delete, plan.unchanged) == ((), 0)


def test_a_second_publish_does_nothing() -> None:
    assert plan_publish(SITE, digests(SITE)) == PublishPlan((), (), 4, ())


def test_only_what_changed_goes_up_and_only_its_plain_names_are_forgotten() -> None:
    plan = plan_publish(
        {**SITE, "index.html": SiteFile(1, "new")}, digests({key: SITE[key] for key in SITE if key != DATA})
    )
    assert plan.upload == (DATA, "index.html")
    assert plan.invalidate == ("/", "/index.html")
    assert plan.unchanged == 2


def test_files_of_an_earlier_export_go_and_what_others_put_there_stays() -> None:
    others = {"index.html", "about.html", "data/notes.js", "dashboard.css", "images/chart.0123456789ab.js"}
    plan = plan_publish(SITE, {**dict.fromkeys(others, ""), OLD: "", "chart.0123456789ab.js": ""})
    assert plan.delete == ("chart.0123456789ab.js", OLD)


def test_a_path_to_forget_is_encoded_as_cloudfront_wants_it() -> None:
    assert plan_publish({"à b.html": SiteFile(1, "1")}, {}).invalidate == ("/%C3%A0%20b.html",)


@pytest.mark.parametrize("key", [DATA, STYLE, "data/index.0123456789ab.js", "chart.0123456789ab.js"])
def test_a_name_with_its_contents_hash_is_kept_for_a_year(key: str) -> None:
    assert is_hashed(key)
    assert cache_control(key) == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("key", ["index.html", "dashboard.css", "x/dashboard.0123456789ab.css", "data/a.01234.js"])
def test_any_other_name_is_asked_for_again(key: str) -> None:
    assert not is_hashed(key)
    assert cache_control(key) == "no-cache"


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("index.html", "text/html; charset=utf-8"),
        (DATA, "text/javascript; charset=utf-8"),
        (STYLE, "text/css; charset=utf-8"),
        ("what", "application/octet-stream"),
    ],
)
def test_each_file_has_the_type_that_browsers_need(key: str, kind: str) -> None:
    assert content_type(key) == kind


def test_hidden_files_and_links_are_no_part_of_a_site(tmp_path: Path) -> None:
    site = tmp_path / "site"
    (site / "data").mkdir(parents=True)
    (site / ".git").mkdir()
    (site / "index.html").write_bytes(b"page")
    (site / "data" / "a.js").write_bytes(b"")
    (site / ".git" / "config").write_bytes(b"secret")
    (site / ".DS_Store").write_bytes(b"")
    (tmp_path / "secret").write_bytes(b"")
    (site / "link.html").symlink_to(tmp_path / "secret")
    assert site_files(site) == {
        "data/a.js": SiteFile(0, hashlib.sha256(b"").hexdigest()),
        "index.html": SiteFile(4, hashlib.sha256(b"page").hexdigest()),
    }


@dataclass
class Store:
    """Notes what is done to a bucket."""

    done: list[str] = field(default_factory=list)
    fails_at: str = ""
    there: dict[str, tuple[int, str]] = field(default_factory=dict)

    def sizes(self, bucket: str, prefix: str) -> dict[str, int]:
        return {key: size for key, (size, _) in self.there.items()}

    def digest(self, bucket: str, key: str) -> str:
        self.done.append(f"asked {key}")
        return self.there[key][1]

    def upload(self, bucket: str, key: str, path: Path, *, content_type: str, cache_control: str) -> None:
        if key == self.fails_at:
            raise ConnectionError(key)
        self.done.append(f"{bucket}/{key} {path.name} {content_type} {cache_control}")

    def delete(self, bucket: str, key: str) -> None:
        self.done.append(f"delete {key}")


PLAN = PublishPlan((DATA, "index.html"), (OLD,), 0, ("/",))


def carry_out(store: Store, plan: PublishPlan = PLAN) -> list[Event]:
    events: list[Event] = []
    publish(
        plan,
        Path("folder"),
        cast("S3", store),
        "site",
        invalidate=lambda paths: store.done.append(f"forget {' '.join(paths)}"),
        emit=events.append,
    )
    return events


def test_a_plan_is_carried_out_in_order_with_headers_and_progress() -> None:
    store = Store()
    events = carry_out(store)
    assert store.done == [
        f"site/{DATA} {Path(DATA).name} text/javascript; charset=utf-8 public, max-age=31536000, immutable",
        "site/index.html index.html text/html; charset=utf-8 no-cache",
        "forget /",
        f"delete {OLD}",
    ]
    assert [(event.done, event.total) for event in events if isinstance(event, Progress)] == [(1, 2), (2, 2)]


def test_when_an_upload_fails_the_old_page_and_its_files_stay() -> None:
    store = Store(fails_at=DATA)
    with pytest.raises(ConnectionError):
        carry_out(store)
    assert store.done == []


def test_nobody_is_told_of_nothing() -> None:
    store = Store()
    carry_out(store, PublishPlan((DATA,), (), 1, ()))
    assert len(store.done) == 1


def test_only_plain_names_of_the_same_size_are_asked_for_their_digest() -> None:
    there = {"index.html": (1, "1"), STYLE: (1, ""), "robots.txt": (9, "4"), "others.html": (1, "x")}
    store = Store(there=there)
    found = published(cast("S3", store), "site", SITE)
    assert store.done == ["asked index.html"]
    assert found == {"index.html": "1", STYLE: "2", "robots.txt": "", "others.html": ""}
