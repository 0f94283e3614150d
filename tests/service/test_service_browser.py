"""The dashboard in a real browser: every filter, the address and Back, languages, keyboard, empty and failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from tests.service.browser import CHOICES, IN_CHROMIUM, check_figures, opened, settled
from tests.service.datasets import ROWS

pytestmark = IN_CHROMIUM


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
    address = f"{live}/?role=SRE&state=pe&compare=sre&compare=qa_engineer&lang=pt-BR"
    opened(page, address)
    assert page.input_value("#role") == "sre"
    assert page.input_value("#state") == "PE"
    assert page.get_attribute("html", "lang") == "pt-BR"
    assert "Comparar cargos" in page.inner_text("main")
    assert "R$" in page.inner_text("#comparison")
    assert page.locator("#comparison tbody tr").count() == 2
    page.click("#comparison .remove")
    settled(page)
    assert "compare=" not in page.evaluate("location.search")
    assert page.evaluate("document.activeElement.id") == "add"
    assert page.problems == []


def test_empty_and_failed_answers_say_so_and_the_page_recovers(live: str, page: Any) -> None:
    opened(page, f"{live}/?role=sre&state=XX")
    assert "No salaries match" in page.inner_text("#empty")
    assert page.is_hidden("#figures")
    page.route("**/api/salaries/**", lambda route: route.fulfill(status=503, json={"error": "down for a test"}))
    page.select_option("#state", "PE")
    settled(page)
    assert "The service may be busy" in page.inner_text("#failure")
    page.unroute("**/api/salaries/**")
    page.click("#retry")
    settled(page)
    assert page.is_hidden("#failure")
    assert page.is_visible("#figures")


def test_after_a_failure_nothing_of_the_role_before_is_shown(live: str, page: Any, client: Client) -> None:
    opened(page, f"{live}/?role=sre&compare=data_engineer")
    page.route("**/api/salaries/**", lambda route: route.fulfill(status=503, json={"error": "down for a test"}))
    page.select_option("#role", "qa_engineer")
    settled(page)
    assert page.is_visible("#failure")
    assert page.is_hidden("#figures")
    assert page.is_hidden("#provenance-panel")
    assert page.inner_text("#status") == ""
    assert page.title() == "Tech Salary Insights"
    page.check("#period input[value=year]")  # draws again what is shown
    assert page.is_hidden("#figures")
    page.check("#period input[value=month]")
    page.unroute("**/api/salaries/**")
    page.click("#retry")
    settled(page)
    check_figures(page, client, "qa_engineer", {})
    assert page.locator("#comparison tbody tr").count() == 2


@pytest.mark.parametrize(
    ("lang", "status", "said"),
    [
        ("en", 400, "can't be used"), ("pt-BR", 503, "pode estar ocupado"), ("pt-BR", None, "Verifique a conexão"),
        ("en", 404, "is being updated"),
    ],
)  # fmt: skip
def test_failures_are_told_in_the_readers_words(live: str, page: Any, lang: str, status: int | None, said: str) -> None:
    def answer(route: Any) -> None:
        route.abort() if status is None else route.fulfill(status=status, json={"error": "words of a program"})

    page.route("**/api/salaries/overview/**", answer)
    opened(page, f"{live}/?lang={lang}")
    assert said in page.inner_text("#failure")
    assert "program" not in page.inner_text("body")


def test_a_task_of_the_release_before_is_asked_again(live: str, page: Any, client: Client) -> None:
    answers = iter([404, 404])

    def answer(route: Any) -> None:
        status = next(answers, None)
        route.continue_() if status is None else route.fulfill(status=status, json={"error": "nothing here"})

    page.route("**/api/salaries/overview/**", answer)
    opened(page, f"{live}/?role=sre")
    check_figures(page, client, "sre", {})


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


def test_the_page_asks_for_one_answer(live: str, page: Any) -> None:
    opened(page, f"{live}/?role=sre&compare=qa_engineer")
    asked = [url.removeprefix(live) for url in page.requested if url.startswith(live)]
    assert sorted(asked) == [
        "/?role=sre&compare=qa_engineer",
        "/api/salaries/catalogue/",
        "/api/salaries/overview/?role=sre&compare=qa_engineer",
    ]


def test_back_undoes_a_choice_and_stays_on_the_page(live: str, page: Any, client: Client) -> None:
    opened(page, f"{live}/")
    page.select_option("#role", "sre")
    settled(page)
    page.select_option("#level", "senior")
    settled(page)
    page.check("#period input[value=year]")
    for level, period in (("senior", "month"), ("", "month")):
        page.go_back()
        settled(page)
        assert (page.input_value("#role"), page.input_value("#level")) == ("sre", level)
        assert page.is_checked(f"#period input[value={period}]")
    page.go_back()
    settled(page)
    assert page.input_value("#role") == "data_engineer"
    check_figures(page, client, "data_engineer", {})
    page.go_forward()
    settled(page)
    check_figures(page, client, "sre", {})


def test_a_shared_link_has_a_picture_with_a_whole_address(live: str, page: Any, client: Client) -> None:
    opened(page, live)
    address = page.get_attribute("meta[property='og:image']", "content")
    assert address == f"{live}/preview.png"
    picture = client.get("/preview.png")
    assert (picture["Content-Type"], picture.content[:4]) == ("image/png", b"\x89PNG")


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
    assert page.title() == "Data Engineer · Híbrido · Tech Salary Insights"


@pytest.mark.parametrize("exported", [False, True])
def test_the_keyboard_reaches_everything_and_skipping_keeps_the_filters(
    live: str, page: Any, tmp_path: Path, exported: bool
) -> None:
    call_command("export_dashboard", output_dir=tmp_path / "site", verbosity=0)
    opened(page, f"file://{tmp_path}/site/index.html#role=sre" if exported else f"{live}/?role=sre")
    order = []
    for _ in range(9):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id || document.activeElement.name"))
    assert order == ["skip", "period", "lang", "role", "state", "level", "work_model", "currency", "reset"]
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
    assert page.is_hidden("#figures")
    page.close()
