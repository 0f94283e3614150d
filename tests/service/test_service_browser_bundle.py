"""The exported dashboard in a real browser, from a file: the live page's figures, no outside request, text as text."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from salaries.services.releases import release_load

from tests.service.browser import IN_CHROMIUM, opened, settled
from tests.service.datasets import Row, write_canonical

pytestmark = IN_CHROMIUM


def test_the_exported_page_equals_the_live_one_over_random_filters(
    live: str, page: Any, client: Client, tmp_path: Path
) -> None:
    assert_alike(page, client, tmp_path / "site")


@pytest.mark.soak
def test_the_exported_page_equals_the_live_one_with_many_rows(
    database: str, data_dir: Path, page: Any, client: Client, tmp_path: Path
) -> None:
    release_load(canonical=write_canonical(data_dir / "c.csv", many_rows(12_000)), append=False, allow_shrink=False)
    assert_alike(page, client, tmp_path / "site")


def assert_alike(page: Any, client: Client, site: Path) -> None:
    """Export to `site` and assert that its figures are those of the service, in 300 random states."""
    call_command("export_dashboard", output_dir=site, verbosity=0)
    opened(page, f"file://{site}/index.html")
    page.evaluate("window.bundle = Salaries.exportedFigures(window.salaryIndex)")
    picks = random.Random(11)
    catalogue = client.get("/api/salaries/catalogue/").json()
    assert page.evaluate("window.bundle.catalogue()") == catalogue
    values = {
        "state": [each["state"] for each in catalogue["states"]],
        "level": catalogue["levels"],
        "work_model": catalogue["work_models"],
        "currency": ["BRL", "USD", "eur"],
    }
    roles = [*(each["role"] for each in catalogue["roles"]), "nobody"]
    for _ in range(300):
        role, compare = picks.choice(roles), picks.sample(roles, picks.randrange(3))
        filters = {name: picks.choice(["", "", *found]) for name, found in values.items()}
        live_answer = client.get("/api/salaries/overview/", {"role": role, "compare": compare, **filters}).json()
        mine = page.evaluate("([r, f, c]) => bundle.overview(r, f, c)", [role, filters, compare])
        del live_answer["filters"]
        assert mine == live_answer, (role, filters, compare)
    assert page.problems == []
    assert all(url.startswith((f"file://{site}/", "data:")) for url in page.requested)


def many_rows(count: int) -> list[Row]:
    """Return rows of five roles over six years, most of one role, with cents, equal amounts and three currencies."""
    picks = random.Random(15)
    rows: list[Row] = []
    for number in range(count):
        low = picks.choice([picks.randrange(100_000, 3_000_000), 1_250_000])
        amounts = [
            f"{cents / 100:.2f}" for cents in (low, low + picks.randrange(200_000), low + picks.randrange(900_000))
        ]
        day = f"{picks.randrange(2020, 2026)}-{picks.randrange(1, 13):02}-{picks.randrange(1, 29):02}"
        rows.append((
            f"source {picks.randrange(4)}", picks.choice(["dev", "dev", "dev", "sre", "qa", "pm", "dba"]),
            picks.choice(["junior", "pleno", "senior", "staff"]), f"city {number % 97}",
            picks.choice(["SP", "RJ", "MG", "PE", "PR", "REMOTE"]), "Brazil",
            picks.choice(["BRL", "BRL", "BRL", "USD", "EUR"]), picks.choice(["remoto", "hibrido", "presencial"]),
            *amounts, picks.choice([day, day, ""]),
        ))  # fmt: skip
    return rows


def test_the_exported_page_shows_what_the_live_page_shows(live: str, page: Any, tmp_path: Path) -> None:
    call_command("export_dashboard", output_dir=tmp_path / "site", verbosity=0)
    compared = "role=sre&state=PE&compare=data_engineer&compare=qa_engineer&period=year&small=1"
    for query in ("role=sre", compared, "role=qa_engineer&level=junior&lang=pt-BR"):
        opened(page, f"{live}/?{query}")
        # Only the live page has an API to point at.
        page.evaluate("document.querySelectorAll('#provenance a').forEach((link) => link.parentNode?.remove())")
        on_line = page.inner_text("main")
        opened(page, f"file://{tmp_path}/site/index.html#{query}")
        assert page.inner_text("main") == on_line
        assert page.evaluate("location.hash") == f"#{query}"


def test_a_data_file_that_is_gone_says_to_load_the_page_again(live: str, page: Any, tmp_path: Path) -> None:
    call_command("export_dashboard", output_dir=tmp_path / "site", verbosity=0)
    opened(page, f"file://{tmp_path}/site/index.html#role=sre")
    for path in (tmp_path / "site" / "data").glob("*.js"):
        path.unlink()
    page.select_option("#role", "qa_engineer")
    settled(page)
    assert "load it again" in page.inner_text("#failure")
    assert page.input_value("#role") == "qa_engineer"


HOSTILE = [
    "<script>window.pwned=1</script>", "<img src=x onerror=window.pwned=1>",
    "\"><svg onload=window.pwned=1>",
    "'><b>bold</b>", "</script><script>window.pwned=1</script>", "javascript:window.pwned=1", "{{7*7}}", "${7*7}",
    "<iframe srcdoc='<script>parent.pwned=1</script>'>", "&lt;b&gt;", "<!-- comment", "]]>",
    "<a href=javascript:pwned=1>x",
    "__proto__", "constructor", "toString", "hasOwnProperty", "=cmd|' /C calc'!A0", "+1+1", "@SUM(1)", "-2+3",
    "\u202eabc", "\u2028\u2029", "a\u0300\u0301", "🦊 fox", "ß", "İstanbul", "%3Cscript%3E", "\\u003cscript\\u003e",
    "' OR 1=1 --", "%s %d {0}", "$& $1", "<style>body{display:none}</style>", "<base href=//x>",
    "<meta http-equiv=refresh>",
    "onclick=alert(1)", "<details open ontoggle=window.pwned=1>", "`template`", "null", "undefined",
]  # fmt: skip


def test_hostile_text_in_the_data_stays_text(
    database: str, data_dir: Path, page: Any, settings: Any, tmp_path: Path
) -> None:
    rows: list[Row] = []
    for number, text in enumerate(HOSTILE):
        amount = f"{1000 + number}.00"
        rows.append((text, text.lower(), text.lower(), text, text.upper(), "Brazil", text[:10], "remoto", amount,
                     amount, amount, ""))  # fmt: skip
    release_load(canonical=write_canonical(data_dir / "c.csv", rows), append=False, allow_shrink=False)
    call_command("export_dashboard", output_dir=tmp_path / "site", verbosity=0)
    opened(page, f"file://{tmp_path}/site/index.html")
    roles = page.evaluate("salaryIndex.catalogue.roles.map((each) => each.role)")
    page.check("#small")
    assert len(roles) == len(HOSTILE) == 40
    for role in roles:
        page.select_option("#role", role)
        settled(page)
        assert page.is_visible("#figures"), role
        assert page.locator("#locations tbody tr").count() == 1
        location = page.evaluate("document.querySelector('#locations tbody th span').firstChild.data")
        assert location in HOSTILE
    markup = "img, main svg:not(.chart, .box), iframe, b:not(.tile b), a:not(.skip), base, style, main script, [onload]"
    assert page.locator(markup + ", [onerror]").count() == 0
    assert page.evaluate("typeof window.pwned") == "undefined"
    assert page.problems == []
