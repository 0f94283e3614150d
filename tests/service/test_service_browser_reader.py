"""What a reader does with the figures: units, small samples, one's own pay, comparing, taking them along."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from salaries.services.releases import release_load

from tests.service.browser import IN_CHROMIUM, check_figures, opened, settled
from tests.service.datasets import ROWS, write_canonical

pytestmark = IN_CHROMIUM


def test_a_year_is_twelve_months_and_every_figure_says_which(live: str, page: Any, client: Client) -> None:
    found = client.get("/api/salaries/overview/", {"role": "sre"}).json()["percentiles"]
    opened(page, f"{live}/?role=sre")
    for period, times in (("month", 1), ("year", 12)):
        page.check(f"#period input[value={period}]")
        script = "(value) => Salaries.formats('en', 'month').money(value, 'BRL')"
        assert page.evaluate(script, found["median"] * times) in page.inner_text("#hero")
        assert f"gross per {period}" in page.inner_text("#hero")
        for panel in ("levels", "states", "work_models", "comparison"):
            assert f"Median per {period}" in page.inner_text(f"#{panel} thead")
    assert "period=year" in page.evaluate("location.search")


def test_small_samples_are_hidden_and_shown_greyed_when_asked_for(live: str, page: Any, client: Client) -> None:
    opened(page, f"{live}/?role=sre&state=PE")
    found = client.get("/api/salaries/overview/", {"role": "sre", "state": "PE"}).json()
    small = [each for each in found["levels"] if each["observations"] < 5]
    assert small
    assert page.locator("#levels tr.faint").count() == 0
    assert f"{len(small)} level" in page.inner_text("#levels")
    page.check("#small")
    assert page.locator("#levels tr.faint").count() == len(small)
    assert page.locator("#levels tr.faint td", has_text="small sample").count() == len(small)
    assert page.locator("#levels tr.faint td", has_text="average").count() == sum(
        each["observations"] < 4 for each in small
    )
    page.reload()
    settled(page)
    assert page.is_checked("#small")


def test_ones_own_pay_has_its_place_and_is_sent_nowhere(live: str, page: Any, client: Client) -> None:
    opened(page, f"{live}/?role=sre")
    before = len(page.requested)
    quantiles = client.get("/api/salaries/overview/", {"role": "sre"}).json()["quantiles"]
    for text, said in (
        (f"{quantiles[40]:.2f}", "more than 40% of these"), ("1", "less than all"),
        ("R$ 99.999,00", "at least as much"), ("nothing", "Please type an amount"),
    ):  # fmt: skip
        page.fill("#own", text)
        assert said in page.inner_text("#standing"), text
    # What stands behind the digits counts, or nobody knows what was meant.
    typed = {
        "12.500": 12500, "R$ 12.500,00": 12500, "12 500 BRL": 12500, "US$12,500.50": 12500.5, "85k": 85000,
        "8,5 mil": 8500, "8.5K": 8500, "12 mil reais": 12000, "1e9": None, "-5": None, "12 million": None,
        "15 an hour": None, "": None,
    }  # fmt: skip
    assert page.evaluate("(texts) => texts.map(Salaries.amountOf)", list(typed)) == list(typed.values())
    page.check("#period input[value=year]")
    page.fill("#own", f"{quantiles[40] * 12:.2f}")
    assert "more than 40% of these" in page.inner_text("#standing")
    assert len(page.requested) == before
    assert "9999" not in page.evaluate("location.href")


def test_a_role_to_compare_is_found_by_typing(live: str, page: Any, client: Client) -> None:
    opened(page, f"{live}/?role=sre")
    page.focus("#add")
    page.keyboard.type("qá eng")
    assert page.locator("#add-options li").all_inner_texts()[0].startswith("QA Engineer")
    page.keyboard.press("ArrowDown")
    assert page.get_attribute("#add", "aria-activedescendant") == "add-option-0"
    page.keyboard.press("Enter")
    settled(page)
    assert "compare=qa_engineer" in page.evaluate("location.search")
    found = client.get("/api/salaries/overview/", {"role": "sre", "compare": "qa_engineer"}).json()
    ratio = found["comparison"][0]["percentiles"]["median"] / found["percentiles"]["median"] - 1
    assert page.evaluate("(value) => Salaries.formats('en', 'month').difference(value)", ratio) in page.inner_text(
        "#comparison"
    )
    page.fill("#add", "no such role")
    assert page.is_hidden("#add-options")
    assert "No role" in page.inner_text("#add-found")
    page.keyboard.press("Escape")
    assert page.get_attribute("#add", "aria-expanded") == "false"
    assert page.problems == []


def test_a_tile_and_a_cell_of_the_matrix_choose_what_they_show(live: str, page: Any, client: Client) -> None:
    opened(page, f"{live}/?role=sre")
    page.click("#map .tile:has-text('PE')")
    settled(page)
    assert page.evaluate("location.search") == "?role=sre&state=PE"
    assert page.evaluate("document.activeElement.id") == "results"
    check_figures(page, client, "sre", {"state": "PE"})
    page.click("#map .tile:has-text('PE')")
    settled(page)
    assert page.evaluate("location.search") == "?role=sre"
    page.locator("#matrix tr", has_text="QA Engineer").locator(".cell").first.click()
    settled(page)
    assert page.evaluate("location.search") == "?role=qa_engineer&level=junior"
    check_figures(page, client, "qa_engineer", {"level": "junior"})


def test_in_a_currency_that_few_are_paid_in_the_role_stands_in_the_matrix_alone(live: str, page: Any) -> None:
    opened(page, f"{live}/?role=sre&currency=USD")
    assert page.locator("#matrix tbody tr").count() == 1
    assert "SRE" in page.inner_text("#matrix tbody tr")
    assert "above, under the same filters" in page.inner_text("#matrix-hint")


def test_the_default_role_is_the_one_with_most_rows(database: str, data_dir: Path, live_empty: str, page: Any) -> None:
    rows = [*ROWS, *(row for row in ROWS if row[1] == "sre" and row[6] == "BRL")]
    more = [(*row[:8], *(f"{float(amount) + 1:.2f}" for amount in row[8:11]), "") for row in rows[60:]]
    release_load(canonical=write_canonical(data_dir / "c.csv", [*ROWS, *more]), append=False, allow_shrink=False)
    opened(page, live_empty)
    assert page.input_value("#role") == "sre"


def test_the_file_for_spreadsheets_runs_nothing_in_them(live: str, page: Any, client: Client) -> None:
    opened(page, f"{live}/?role=sre&small=1&compare=qa_engineer")
    cells = page.evaluate(
        """() => ["=1+1", "+1", "-1", "@x", "\\tx", 'a"b', "a,b", "a\\nb", "plain", 5, null]
        .map(Salaries.csvCell)""".replace("\\", "\\")
    )
    assert cells == ["'=1+1", "'+1", "'-1", "'@x", "'\tx", '"a""b"', '"a,b"', '"a\nb"', "plain", "5", ""]
    with page.expect_download() as download:
        page.click("#csv")
    assert download.value.suggested_filename == "sre.csv"
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    lines = list(csv.reader(io.StringIO(text)))
    found = client.get("/api/salaries/overview/", {"role": "sre", "compare": "qa_engineer"}).json()
    assert lines[1][:7] == [
        "SRE",
        "All",
        "",
        "BRL",
        "per month",
        str(found["observations"]),
        f"{found['percentiles']['p10']:g}",
    ]
    assert len({len(line) for line in lines}) == 1
    assert [line[0] for line in lines if line[1] == "Compare roles"] == ["QA Engineer"]
    with page.expect_download() as download:
        page.click("#png")
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")
    page.click("#copy-link")
    page.wait_for_selector("#shared:not(:empty)", state="attached")
    assert page.problems == []


def test_the_picture_to_take_along_cuts_its_bars_at_the_quartiles_as_the_page_does(live: str, page: Any) -> None:
    opened(page, f"{live}/?role=sre")
    page.evaluate("""() => {
      const made = Salaries.pictureOf;
      Salaries.pictureOf = (view) => { window.picture = made(view); return window.picture; };
    }""")
    with page.expect_download():
        page.click("#png")
    taken = page.evaluate("""() => {
      const ink = getComputedStyle(document.documentElement).getPropertyValue("--bar").trim();
      const row = window.picture.getContext("2d").getImageData(0, 524, 1200, 1).data;
      const hex = (at) => "#" + [0, 1, 2].map((each) => row[at * 4 + each].toString(16).padStart(2, "0")).join("");
      const found = Array.from({ length: 1200 }, (_none, at) => at).filter((at) => hex(at) === ink);
      return [found[0], found[found.length - 1] + 1].map((at) => (at - 60) / 1080);
    }""")
    shown = page.evaluate("""() => {
      const bars = Array.from(document.querySelectorAll("#histogram rect.strong"));
      const width = document.querySelector("#histogram svg").viewBox.baseVal.width;
      const { x, width: wide } = bars[bars.length - 1];
      const ends = [bars[0].x.baseVal.value, x.baseVal.value + wide.baseVal.value];
      return ends.map((at) => (at - 2) / (width - 4));
    }""")
    assert taken == pytest.approx(shown, abs=0.004)


def test_a_spreadsheet_in_portuguese_gets_its_own_marks(live: str, page: Any, client: Client) -> None:
    opened(page, f"{live}/?role=sre&lang=pt-BR")
    with page.expect_download() as download:
        page.click("#csv")
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    lines = list(csv.reader(io.StringIO(text), delimiter=";"))
    found = client.get("/api/salaries/overview/", {"role": "sre"}).json()
    assert len({len(line) for line in lines}) == 1
    assert lines[1][8] == str(found["percentiles"]["median"]).replace(".", ",")


def test_every_picture_says_what_its_amounts_are_for(live: str, page: Any) -> None:
    opened(page, f"{live}/?role=sre&small=1")
    for period in ("month", "year"):
        page.check(f"#period input[value={period}]")
        for part in ("#spread-title", "#map", "#matrix-hint"):
            assert f"per {period}" in page.inner_text(part), part


def test_the_list_of_roles_is_no_stop_of_its_own_when_it_scrolls(live: str, page: Any) -> None:
    opened(page, f"{live}/?role=sre&compare=qa_engineer")
    page.evaluate("document.getElementById('add-options').style.maxHeight = '1rem'")
    page.focus("#add")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "remove"
