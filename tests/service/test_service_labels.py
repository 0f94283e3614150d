"""Names as people write them."""

from __future__ import annotations

import re

import pytest
from salaries.dashboard import page_file
from salaries.ingest.words import spellings
from salaries.labels import LEVELS, level_order, role_label, state_name
from salaries.plain import _NAMES


@pytest.mark.parametrize(
    ("role", "label"),
    [
        ("qa_engineer", "QA Engineer"), ("sre", "SRE"), ("devops_engineer", "DevOps Engineer"),
        ("ios_developer", "iOS Developer"), ("cientista_de_dados", "Cientista de Dados"),
        ("full-stack_developer", "Full-Stack Developer"), ("ux/ui_designer", "UX/UI Designer"),
        ("head_of_data", "Head of Data"), ("c++_developer", "C++ Developer"), ("de", "De"), ("_", "_"),
        ("data_engineer_ii", "Data Engineer II"), ("desenvolvedor(a)_com_go", "Desenvolvedor(a) com Go"),
        ("analista/a_de_dados", "Analista/a de Dados"), ("dev_(remote)", "Dev (Remote)"),
        ("<b>x", "<b>x"), ("ângelo", "Ângelo"),
    ],
)  # fmt: skip
def test_a_role_is_written_as_people_do(role: str, label: str) -> None:
    assert role_label(role) == label


def test_levels_go_up_and_unknown_ones_come_last() -> None:
    levels = ["zen", "senior", "especialista", "junior", "pleno", "estagio", "alpha"]
    assert sorted(levels, key=level_order) == ["estagio", "junior", "pleno", "senior", "especialista", "alpha", "zen"]


def test_a_state_has_its_name_and_others_are_themselves() -> None:
    assert (state_name("SP"), state_name("REMOTE")) == ("São Paulo", "REMOTE")


def page_names(lang: str) -> dict[str, str]:
    """Return the names of values in the page's own texts."""
    text = page_file("texts.js").decode().split(f'\n"{lang}": {{')[1].split("\n}")[0]
    return {key: name for _, key, name in re.findall(r'(level|work_model|state)_(\w+): "([^"]+)"', text)}


@pytest.mark.parametrize("lang", ["en", "pt-BR"])
def test_the_page_without_scripts_names_values_as_the_page_with_them(lang: str) -> None:
    assert _NAMES[lang] == page_names(lang)


def test_every_word_that_a_level_or_a_work_model_may_become_is_named_and_has_its_place() -> None:
    words = {column: {*spellings(column, "mapped").values()} for column in ("level", "work_model")}
    assert words["level"] <= {*LEVELS}
    assert words["level"] | words["work_model"] <= {*page_names("en")} & {*page_names("pt-BR")}
