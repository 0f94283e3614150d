"""The page at every width, on paper, without scripts, and for a screen reader."""

from __future__ import annotations

from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from salaries.services.releases import release_load

from tests.service.browser import IN_CHROMIUM, opened
from tests.service.datasets import ROWS, write_canonical
from tests.soak import SAMPLED, WHOLE

pytestmark = IN_CHROMIUM


def test_without_scripts_the_default_roles_figures_are_there(live: str, browser: Any, client: Client) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 320, "height": 800})
    page = context.new_page()
    page.goto(live)
    found = client.get("/api/salaries/overview/", {"role": "data_engineer"}).json()
    text = page.inner_text("main")
    assert f"{found['percentiles']['median'] + 0.001:,.0f} BRL" in text
    assert "O salário bruto mediano de Data Engineer" in text
    others = sum(each["observations"] for each in found["currencies"] if each["currency"] != found["currency"])
    assert f"Salaries in other currencies (USD) are left out: {others}." in text
    assert page.is_hidden("#filters")
    ranked = [level for level in found["levels"] if level["observations"] >= 5]
    assert page.locator("noscript section[lang=en] table").first.locator("tbody tr").count() == len(ranked)
    context.close()


def test_paper_has_the_bars_and_the_filters_in_words(live: str, page: Any) -> None:
    opened(page, f"{live}/?role=sre&level=junior&compare=qa_engineer")
    page.emulate_media(media="print")
    assert page.is_hidden("#filters")
    assert "SRE · Junior" in page.inner_text("#hero-role")
    assert page.locator("#histogram rect").count() > 0
    assert page.locator("#histogram .tick").first.is_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('#levels .box')).printColorAdjust") == "exact"


def test_on_paper_a_long_table_breaks_between_its_rows_instead_of_leaving_a_page_white(live: str, page: Any) -> None:
    opened(page, f"{live}/?role=data_engineer&compare=sre")
    page.emulate_media(media="print")
    style = "([node, name]) => getComputedStyle(document.querySelector(node))[name]"
    for panel in ("#states-panel", "#matrix-panel", "#locations-panel", "#provenance-panel"):
        assert page.evaluate(style, [panel, "breakInside"]) == "auto"
    for kept in ("#states tbody tr", "#histogram .chart", "#map .tiles"):
        assert page.evaluate(style, [kept, "breakInside"]) == "avoid"
    assert page.evaluate(style, ["#time-panel", "gridColumnEnd"]) == "-1"
    assert page.evaluate(style, ["#time-panel", "breakInside"]) == "avoid"
    page.evaluate("document.querySelector('#time details').open = true")
    assert page.evaluate(style, ["#time-panel", "breakInside"]) == "auto"
    assert page.is_visible("#compare-panel")
    page.emulate_media(media="screen")
    opened(page, f"{live}/?role=data_engineer")
    page.emulate_media(media="print")
    assert page.is_hidden("#compare-panel")


def test_on_paper_a_row_of_a_table_takes_one_line(live: str, page: Any) -> None:
    opened(page, f"{live}/?role=data_engineer&compare=sre")
    lines = """(row) => Math.round(document.querySelector(row).getBoundingClientRect().height
      / parseFloat(getComputedStyle(document.querySelector("#comparison tbody th")).lineHeight))"""
    for row in ("#comparison tbody tr", "#locations tbody tr"):
        assert page.evaluate(lines, row) > 1
    page.emulate_media(media="print")
    for row in ("#comparison tbody tr", "#locations tbody tr"):
        assert page.evaluate(lines, row) == 1
    made = page.evaluate(
        "Array.from(document.querySelectorAll('#provenance h3 ~ p'), (node) => getComputedStyle(node))"
        ".map(({ display, marginRight }) => [display, marginRight])"
    )
    assert ["inline", "0px"] not in made


def test_where_all_are_paid_alike_the_bar_is_the_middle_half_and_its_amount_is_named_once(
    database: str, data_dir: Path, live_empty: str, page: Any
) -> None:
    rows = [
        ("a", "sre", "pleno", f"C{number}", "SP", "Brazil", "BRL", "remoto", *["5000.00"] * 3, "")
        for number in range(7)
    ]
    release_load(canonical=write_canonical(data_dir / "b.csv", rows), append=False, allow_shrink=True)
    opened(page, f"{live_empty}/?role=sre")
    assert page.locator("#histogram rect.strong").count() == 1
    assert page.locator("#histogram rect.soft").count() == 0
    ticks = page.locator("#histogram .tick").all_inner_texts()
    assert len(ticks) == len({*ticks})


def test_figures_that_are_there_are_never_pale(live: str, page: Any) -> None:
    opened(page, f"{live}/?role=sre")
    busy = "(busy) => document.getElementById('results').setAttribute('aria-busy', busy)"
    opacity = "getComputedStyle(document.getElementById('figures')).opacity"
    page.evaluate(busy, True)
    page.wait_for_timeout(500)
    assert page.evaluate(opacity) == "0.45"
    page.emulate_media(media="print")
    assert page.evaluate(opacity) == "1"
    page.emulate_media(media="screen")
    page.wait_for_timeout(500)
    assert page.evaluate(opacity) == "0.45"
    page.evaluate(busy, False)
    assert page.evaluate(opacity) == "1"


def test_no_heading_of_the_matrix_breaks_inside_a_word(live: str, page: Any) -> None:
    page.set_viewport_size({"width": 320, "height": 800})
    opened(page, f"{live}/?role=sre&lang=pt-BR")
    # A column without figures has the width of its dots, where there are many others.
    page.evaluate("document.querySelectorAll('#matrix td:nth-child(2)').forEach((cell) => { cell.textContent = '·'; })")
    page.evaluate("Object.assign(document.querySelector('#matrix table').style, { width: '1px', minWidth: 0 })")
    lines = """() => Array.from(document.querySelectorAll("#matrix thead th")).map((node) => {
      const range = document.createRange();
      range.selectNodeContents(node);
      return [node.textContent, new Set(Array.from(range.getClientRects()).map((box) => box.top)).size];
    })"""
    assert {name: count for name, count in page.evaluate(lines) if count > 1} == {}


LONG = ("somebody typed a role into a form without a thought of those who read it " * 2)[:100].strip()


def test_the_page_is_no_wider_than_the_screen(database: str, data_dir: Path, live_empty: str, page: Any) -> None:
    amounts = [f"{1234567890.12 + number:.2f}" for number in range(6)]
    long = [
        ("s" * 100, "x" * 100, "pleno", "y" * 100, "SP", "Brazil", "BRL", "z" * 90, *[each] * 3, "") for each in amounts
    ]
    words = [
        (LONG, LONG.replace(" ", "_"), "pleno", LONG, "SP", "Brazil", "BRL", LONG, *[each] * 3, "") for each in amounts
    ]
    canonical = write_canonical(data_dir / "c.csv", [*ROWS, *long, *words])
    release_load(canonical=canonical, append=False, allow_shrink=False)
    for width in (320, 640, 768, 1280, 2560):
        page.set_viewport_size({"width": width, "height": 800})
        for query in (f"role={'x' * 100}&period=year", f"role=sre&compare={LONG.replace(' ', '_')}&small=1&lang=pt-BR"):
            opened(page, f"{live_empty}/?{query}")
            assert page.is_visible("#figures")
            assert page.evaluate("document.documentElement.scrollWidth") == width, (width, query)
            assert page.evaluate(LEAVES_ITS_CARD) == [], (width, query)


def test_nothing_in_a_picture_covers_a_name(live: str, page: Any) -> None:
    for width, lang in ((320, "pt-BR"), (1280, "en")):
        page.set_viewport_size({"width": width, "height": 800})
        opened(page, f"{live}/?role=data_engineer&lang={lang}")
        for text in ("9400", "10000", "10500", "11800"):
            page.fill("#own", text)
            assert page.evaluate(COVERED, "#histogram") == [], (width, lang, text)
        page.evaluate(MANY_QUARTERS)
        assert page.locator("#time .tick").count() > 4
        assert page.evaluate(COVERED, "#time") == [], (width, lang)


@pytest.mark.parametrize("period", ["month", "year"])
def test_what_an_axis_names_is_round_for_a_month_and_for_a_year(live: str, page: Any, period: str) -> None:
    opened(page, f"{live}/?role=sre&period={period}")
    named = page.locator("#histogram .tick").all_text_contents()
    amounts = [float(text[2:].rstrip("K")) for text in named]
    steps = {round(after - before, 3) for before, after in pairwise(amounts)}
    assert len(steps) == 1, named
    assert f"{steps.pop():g}".strip("0.") in ("1", "2", "25", "2.5", "5"), named


MANY_QUARTERS = """() => Salaries.timeline(document.getElementById("time"), Array.from({ length: 14 }, (_, place) => ({
  name: Salaries.text(document.documentElement.lang, "quarter_name", { quarter: place % 4 + 1, year: 2023 }),
  percentiles: { p25: 1000, median: 2000, p75: 3000 }
})), "", String)"""
COVERED = """(holder) => {
  const found = Array.from(document.querySelectorAll(holder + " :is(text, .own line, .median line)"));
  const boxes = found.map((node) => [node.textContent || "line", node.getBoundingClientRect()]);
  const covers = (a, b) => (
    a.left < b.right - 0.5 && b.left < a.right - 0.5 && a.top < b.bottom - 1 && b.top < a.bottom - 1
  );
  return boxes.flatMap(([name, box], place) => (
    boxes.slice(place + 1).filter(([, other]) => covers(box, other)).map(([other]) => [name, other])
  ));
}"""


def test_bars_are_of_the_readers_own_colours_where_those_are_forced(live: str, browser: Any) -> None:
    context = browser.new_context(forced_colors="active")
    page = context.new_page()
    opened(page, f"{live}/?role=sre")
    script = """() => {
      const probe = document.createElement("i"), bar = getComputedStyle(document.querySelector(".chart .strong"));
      probe.style.color = "Highlight";
      document.body.append(probe);
      return [bar.fill, bar.stroke, getComputedStyle(probe).color];
    }"""
    fill, stroke, highlight = page.evaluate(script)
    context.close()
    assert (fill, stroke) == (highlight, "none")


def test_on_a_phone_what_is_spread_has_the_width_of_its_row(live: str, page: Any) -> None:
    page.set_viewport_size({"width": 320, "height": 800})
    opened(page, f"{live}/?role=sre&compare=qa_engineer")
    for panel in ("comparison", "states"):
        row, box = (
            page.locator(f"#{panel} tbody {each}").first.bounding_box()["width"] for each in ("tr", ".boxes svg")
        )
        assert box > row * 0.9
    assert page.get_by_role("row", name="SRE").first.get_by_role("cell").count() >= 2


# Texts that reach beyond their card; what scrolls in a box of its own, and what only a screen reader sees, aside.
LEAVES_ITS_CARD = """() => Array.from(document.querySelectorAll(".panel :is(td, th, dd, p, h2)")).filter((node) => {
  const card = node.closest(".panel").getBoundingClientRect(), range = document.createRange();
  if (node.closest(".scroll, .hidden, [hidden]") || node.querySelector(":scope > .hidden")) { return false; }
  range.selectNodeContents(node);
  const out = (box) => box.width > 1.5 && (box.right > card.right + 0.5 || box.left < card.left - 0.5);
  return Array.from(range.getClientRects()).some(out);
}).map((node) => node.textContent)"""


AXE = Path(__file__).resolve().parents[2] / ".cache" / "npm" / "node_modules" / "axe-core" / "axe.min.js"
# A page of 1,280 at 200 % is one of 640.
WIDTHS = (320, 640, 768, 1280, 2560)
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"}, "dark": {"color_scheme": "dark"}, "forced": {"forced_colors": "active"},
}  # fmt: skip
SEEN = tuple(product(WIDTHS, LOOKS)) if WHOLE else ((320, "light"), (768, "forced"), (1280, "light"), (2560, "dark"))


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed")
@pytest.mark.parametrize(("width", "look"), [pytest.param(*each, marks=SAMPLED) for each in SEEN])
def test_axe_finds_no_violation(live: str, browser: Any, width: int, look: str) -> None:
    # The checker has to be injected, which the page's own policy rightly refuses.
    context = browser.new_context(viewport={"width": width, "height": 900}, bypass_csp=True, **LOOKS[look])
    page = context.new_page()
    opened(page, f"{live}/?role=sre&compare=data_engineer&small=1&lang={'en' if look == 'light' else 'pt-BR'}")
    page.fill("#own", "9000")
    page.fill("#add", "eng")
    page.add_script_tag(path=str(AXE))
    found = page.evaluate("axe.run()")["violations"]
    context.close()
    assert [violation["id"] for violation in found] == []
