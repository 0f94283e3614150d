"""Good releases, one after the other, with people on the page: every file that a page needs is there throughout."""

from __future__ import annotations

import pytest

from .conftest import Project
from .visitors import Visitors

pytestmark = [pytest.mark.soak, pytest.mark.emulator, pytest.mark.postgres]


def test_the_page_is_whole_while_releases_follow_each_other(project: Project) -> None:
    files = project.root / "service" / "salaries" / "static" / "salaries"
    deploys = 10
    with Visitors(project.url + "dashboard/", people=4) as visitors:
        for number in range(deploys):
            for name in ("dashboard.css", "texts.js", "figures.js", "lead.js", "dashboard.js"):
                with (files / name).open("a") as file:
                    file.write(f"/* release {number} */\n")
            asked = visitors.asked
            project.deploy()
            visitors.wait_until_asked(asked + 20)
    assert len(visitors.seen) == deploys + 1
    assert visitors.failed == []
