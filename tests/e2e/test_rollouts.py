"""Good releases, one after the other, with people on the page: every file that a page needs is there throughout."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import Project
from .strangers import Stranger, reads_the_environment, startproject
from .visitors import Visitors

DEPLOYS, PEOPLE = 10, 4
NAMES = [f"{name}.{kind}" for name in ("main", "lazy", "vendor") for kind in ("js", "css")]
VIEW = """
from django.http import HttpResponse
from django.templatetags.static import static

def home(request):
    files = "".join('<link href="%s">' % static(name) for name in {names})
    return HttpResponse("{number}" + files)
"""
MANIFEST = """
STATIC_ROOT = BASE_DIR / "collected"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
}
"""
pytestmark = [pytest.mark.soak, pytest.mark.emulator, pytest.mark.postgres]


def test_the_page_is_whole_while_releases_follow_each_other(project: Project) -> None:
    files = project.root / "service" / "salaries" / "static" / "salaries"
    with Visitors(project.url + "dashboard/", people=PEOPLE) as visitors:
        for number in range(DEPLOYS):
            for name in ("dashboard.css", "texts.js", "figures.js", "lead.js", "dashboard.js"):
                with (files / name).open("a") as file:
                    file.write(f"/* release {number} */\n")
            asked = visitors.asked
            project.deploy()
            visitors.wait_until_asked(asked + 20)
    assert len(visitors.seen) == DEPLOYS + 1
    assert visitors.failed == []


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Stranger]:
    """A site of somebody else's, whose page names what its view lists."""
    made = reads_the_environment(startproject(tmp_path / "shop"))
    with (made.root / "shop" / "urls.py").open("a") as urls:
        urls.write("\nfrom catalog.views import home\n\nurlpatterns.append(path('', home))\n")
    (made.root / "catalog" / "static").mkdir()
    yield made
    made.target.reset()


def release(shop: Stranger, number: int, names: list[str]) -> None:
    """Files of these names alone, whose content no other release has, and a page that asks for them."""
    files = shop.root / "catalog" / "static"
    for each in files.iterdir():
        each.unlink()
    for name in names:
        (files / name).write_text(f"/* {name} of release {number} */")
    (shop.root / "catalog" / "views.py").write_text(VIEW.format(names=names, number=number))


def visited(shop: Stranger, names_of: Callable[[int], list[str]]) -> Visitors:
    """Who was there while releases followed each other; `names_of` gives the names of a release's files."""
    release(shop, 0, names_of(0))
    ran = shop.opsctl("init")
    assert ran.code == 0, ran.err
    shop.deploy()
    with Visitors(shop.url, people=PEOPLE) as visitors:
        for number in range(1, DEPLOYS + 1):
            release(shop, number, names_of(number))
            asked = visitors.asked
            shop.deploy()
            visitors.wait_until_asked(asked + 20)
    print(f"\n  {visitors.asked:,} pages, {visitors.files:,} files, {len(visitors.failed)} failed", end="")  # noqa: T201
    assert len(visitors.seen) == DEPLOYS + 1
    return visitors


def test_files_that_change_under_hashed_names_are_there(shop: Stranger) -> None:
    with (shop.root / "shop" / "settings.py").open("a") as settings:
        settings.write(MANIFEST)
    assert visited(shop, lambda _: NAMES).failed == []


def test_files_that_one_release_alone_has_are_there_as_long_as_its_tasks(shop: Stranger) -> None:
    """Names as bundlers give them. Who has a page when the last task of its release goes asks for its files in vain."""
    visitors = visited(shop, lambda number: [f"{number:08x}-{name}" for name in NAMES])
    failed = Counter(re.findall(r"/static/(\w{8})-.+ 404:", "\n".join(visitors.failed)))
    assert failed.total() == len(visitors.failed)
    assert max(failed.values(), default=0) <= PEOPLE * len(NAMES)
