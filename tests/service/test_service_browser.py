"""The dashboard in a real browser: every filter, languages, pictures, keyboard, accessibility, empty and failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from tests.service.browser import CHOICES, IN_CHROMIUM, opened, settled
from tests.service.datasets import ROWS

pytestmark = IN_CHROMIUM


def expected_texts(page: Any, client: Client, role: str, filters: dict[str, str]) -> dict[str, str]:
    """Return the texts the page should show for the API's figures, formatted by the browser itself."""
    summary = client.get("/api/salaries/", {"role": role, **filters}).json()
    insights = client.get("/api/salaries/insights/", {"role": role, **filters}).json()
    block = next(entry for entry in summary["currencies"] if entry["currency"] == insights["currency"])
    amounts = {
        "average": [block["total_compensation"]["average"]],
        "range": [block["base_salary"]["min"], block["base_salary"]["max"]],
        "average-base": [block["base_salary"]["average_min"], block["base_salary"]["average_max"]],
        "percentiles": list(insights["percentiles"].values()),
    }
    for plural in ("states", "locations", "work_models", "sources"):
        amounts[f"top_{plural}"] = [entry["average_total_compensation"] for entry in insights[f"top_{plural}"]]
    script = "([values, code]) => values.map((value) => Salaries.formats('en').money(value, code))"
    texts = {key: page.evaluate(script, [values, insights["currency"]]) for key, values in amounts.items()}
    return texts | {"observations": [str(summary["total_observations"])]}


def check_figures(page: Any, client: Client, role: str, filters: dict[str, str]) -> None:
    """Assert that the page shows the API's figures."""
    for key, texts in expected_texts(page, client, role, filters).items():
        shown = page.inner_text(f"#{key}")
        for text in texts:
            assert text in shown, (key, role, filters)


def test_every_filter_shows_the_figures_of_the_api_and_is_kept_in_the_address(
    live: str, page: Any, client: Client
) -> None:
    opened(page, f"{live}/dashboard/")
    check_figures(page, client, "data_engineer", {})
    for role in sorted({row[1] for row in ROWS}):
        page.select_option("#role", role)
        settled(page)
        for name, column in CHOICES.items():
            for value in sorted({row[column] for row in ROWS if row[1] == role}):
                page.select_option(f"#{name}", value)
                settled(page)
                check_figures(page, client, role, {name: value})
                assert page.evaluate("location.search") == f"?role={role}&{name}={value}"
            page.click("#reset")
            settled(page)
    assert page.problems == []
    assert all(url.startswith((live, "data:")) for url in page.requested)


def test_an_address_brings_back_filters_comparison_and_language(live: str, page: Any) -> None:
    address = f"{live}/?role=SRE&state=sp&compare=sre&compare=data_engineer&lang=pt-BR"
    opened(page, address)
    assert page.input_value("#role") == "sre"
    assert page.input_value("#state") == "SP"
    assert page.get_attribute("html", "lang") == "pt-BR"
    assert "Comparar cargos" in page.inner_text("main")
    assert "R$" in page.inner_text("#comparison")
    assert page.locator("#comparison tbody tr").count() >= 2
    page.locator("#compare input[value=sre]").focus()
    page.keyboard.press("Space")
    settled(page)
    assert "compare=sre" not in page.evaluate("location.search")
    assert page.evaluate("document.activeElement.value") == "sre"
    assert page.problems == []


def test_empty_and_failed_answers_say_so_and_the_page_recovers(live: str, page: Any) -> None:
    opened(page, f"{live}/?role=sre&state=XX")
    assert "No salaries match" in page.inner_text("#empty")
    assert page.is_hidden("#figures")
    page.route("**/api/salaries/**", lambda route: route.fulfill(status=503, json={"error": "down for a test"}))
    page.select_option("#state", "PE")
    settled(page)
    assert "down for a test" in page.inner_text("#failure")
    page.unroute("**/api/salaries/**")
    page.click("#retry")
    settled(page)
    assert page.is_hidden("#failure")
    assert page.is_visible("#figures")


def test_after_a_failure_nothing_of_the_role_before_is_shown(live: str, page: Any, client: Client) -> None:
    opened(page, f"{live}/?role=sre&compare=sre")
    page.route("**/api/salaries/**", lambda route: route.fulfill(status=503, json={"error": "down for a test"}))
    page.select_option("#role", "qa_engineer")
    settled(page)
    assert page.is_visible("#failure")
    assert page.is_hidden("#figures")
    assert page.inner_text("#comparison") == ""
    assert page.locator("#comparison canvas").count() == 0
    assert page.is_hidden("#comparison-range")
    assert page.inner_text("#status") == ""
    assert page.title() == "Tech Salary Insights"
    page.emulate_media(color_scheme="dark")  # redraws what is shown
    assert page.is_hidden("#figures")
    page.unroute("**/api/salaries/**")
    page.click("#retry")
    settled(page)
    check_figures(page, client, "qa_engineer", {})
    assert page.locator("#comparison tbody tr").count() == 2


def test_an_empty_answer_is_not_shown_for_another_question(live: str, page: Any) -> None:
    opened(page, f"{live}/?role=sre&state=XX")
    assert page.is_visible("#empty")
    page.route("**/api/salaries/**", lambda route: route.abort())
    page.click("#reset")
    settled(page)
    assert page.is_visible("#failure")
    assert page.is_hidden("#empty")


def test_a_page_that_the_browser_holds_works_again(live: str, page: Any) -> None:
    opened(page, f"{live}/?role=sre")
    again = page.reload()
    settled(page)
    # What a browser tells of an answer 304 is the page that it held; little came over the wire.
    assert again.request.sizes()["responseBodySize"] == 0
    assert page.is_visible("#figures")
    assert page.problems == []


def test_the_page_asks_for_what_it_shows_alone(live: str, page: Any) -> None:
    opened(page, f"{live}/?role=sre&compare=sre&compare=qa_engineer")
    asked = [url.removeprefix(live) for url in page.requested if url.startswith(live)]
    assert sorted(asked) == [
        "/?role=sre&compare=sre&compare=qa_engineer",
        "/api/filters/",
        "/api/salaries/?role=sre&lists=currencies%2Clevels",
        "/api/salaries/comparison/?role=sre&role=qa_engineer&lists=currencies",
        "/api/salaries/insights/?role=sre",
    ]


def test_pictures_show_the_figures_of_the_api_in_the_datas_currency(live: str, page: Any, client: Client) -> None:
    opened(page, f"{live}/?role=sre&compare=sre&compare=data_engineer&lang=pt-BR")
    pictures = page.evaluate(PICTURES)
    summary = client.get("/api/salaries/", {"role": "sre"}).json()
    percentiles = client.get("/api/salaries/insights/", {"role": "sre"}).json()["percentiles"]
    total = _brl(summary["currencies"])["total_compensation"]
    assert pictures["percentiles"]["bars"] == [
        [total["min"], total["max"]],
        [percentiles["p25"], percentiles["p75"]],
    ]
    levels = [_brl(level["currencies"])["total_compensation"] for level in summary["levels"]]
    assert sorted(pictures["levels"]["bars"]) == sorted([level["min"], level["max"]] for level in levels)
    roles = client.get("/api/salaries/comparison/", {"roles": "sre,data_engineer"}).json()["roles"]
    compared = [_brl(role["currencies"])["total_compensation"] for role in roles]
    assert pictures["comparison"]["bars"] == [[each["min"], each["max"]] for each in compared]
    assert pictures["comparison"]["names"] == ["data engineer", "sre"]
    for picture in pictures.values():
        assert all(tick.startswith("R$") for tick in picture["ticks"])
        assert picture["label"]
    assert page.problems == []


PICTURES = """() => Object.fromEntries(["percentiles", "levels", "comparison"].map((id) => {
  const canvas = document.querySelector(`#${id} canvas`), chart = Chart.getChart(canvas);
  return [id, {
    bars: chart.data.datasets[0].data, names: chart.data.labels.map((lines) => lines.join(" ")),
    ticks: chart.scales.x.ticks.map((tick) => tick.label), label: canvas.getAttribute("aria-label")
  }];
}))"""


def _brl(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    return next(block for block in blocks if block["currency"] == "BRL")


def test_known_values_are_named_in_the_readers_language_and_asked_for_as_they_are(live: str, page: Any) -> None:
    opened(page, f"{live}/?role=data_engineer")
    assert page.locator("#work_model option").all_inner_texts() == ["All", "Hybrid", "On site", "Remote"]
    assert "Mid-level" in page.inner_text("#levels")
    page.select_option("#lang", "pt-BR")
    settled(page)
    assert page.locator("#work_model option").all_inner_texts() == ["Todos", "Híbrido", "Presencial", "Remoto"]
    page.select_option("#work_model", "hibrido")
    settled(page)
    assert "work_model=hibrido" in page.evaluate("location.search")
    assert page.title() == "data engineer · Tech Salary Insights"


@pytest.mark.parametrize("exported", [False, True])
def test_the_keyboard_reaches_everything_and_skipping_keeps_the_filters(
    live: str, page: Any, tmp_path: Path, exported: bool
) -> None:
    call_command("export_dashboard", output_dir=tmp_path / "site", verbosity=0)
    opened(page, f"file://{tmp_path}/site/index.html#role=sre" if exported else f"{live}/?role=sre")
    order = []
    for _ in range(7):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id"))
    assert order == ["skip", "lang", "role", "state", "level", "work_model", "reset"]
    page.focus("#skip")
    assert page.locator("#skip").bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    settled(page)
    assert page.evaluate("document.activeElement.id") == "results"
    assert page.input_value("#role") == "sre"
    page.focus("#level")
    page.keyboard.press("ArrowDown")
    settled(page)
    assert page.input_value("#level") == "junior"
    assert page.evaluate("document.activeElement.id") == "level"


def test_without_any_data_the_page_says_so(database: str, data_dir: Path, browser: Any, live_empty: str) -> None:
    page = browser.new_page()
    opened(page, live_empty)
    assert "There is no data yet" in page.inner_text("#empty")
    assert page.inner_text("#status") == ""
    assert page.is_hidden("#compare-panel")
    page.close()


def test_the_page_is_no_wider_than_a_narrow_phone(live: str, page: Any) -> None:
    for width in (320, 768, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        opened(page, f"{live}/?role=sre&compare=sre&compare=data_engineer")
        assert page.evaluate("document.documentElement.scrollWidth") == width


AXE = Path(__file__).resolve().parents[2] / ".cache" / "npm" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_axe_finds_no_violation(live: str, browser: Any, scheme: str, width: int) -> None:
    # The checker has to be injected, which the page's own policy rightly refuses.
    size = {"width": width, "height": 900}
    context = browser.new_context(viewport=size, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    opened(page, f"{live}/?role=sre&compare=sre&compare=data_engineer")
    page.add_script_tag(path=str(AXE))
    found = page.evaluate("axe.run()")["violations"]
    context.close()
    assert [violation["id"] for violation in found] == []
