"""Names as people write them."""

from __future__ import annotations

import pytest
from salaries.labels import level_order, role_label, state_name


@pytest.mark.parametrize(
    ("role", "label"),
    [
        ("qa_engineer", "QA Engineer"), ("sre", "SRE"), ("devops_engineer", "DevOps Engineer"),
        ("ios_developer", "iOS Developer"), ("cientista_de_dados", "Cientista de Dados"),
        ("full-stack_developer", "Full-Stack Developer"), ("ux/ui_designer", "UX/UI Designer"),
        ("head_of_data", "Head of Data"), ("c++_developer", "C++ Developer"), ("de", "De"), ("_", "_"),
        ("data_engineer_ii", "Data Engineer II"), ("<b>x", "<b>x"), ("ângelo", "Ângelo"),
    ],
)  # fmt: skip
def test_a_role_is_written_as_people_do(role: str, label: str) -> None:
    assert role_label(role) == label


def test_levels_go_up_and_unknown_ones_come_last() -> None:
    levels = ["zen", "senior", "especialista", "junior", "pleno", "estagio", "alpha"]
    assert sorted(levels, key=level_order) == ["estagio", "junior", "pleno", "senior", "especialista", "alpha", "zen"]


def test_a_state_has_its_name_and_others_are_themselves() -> None:
    assert (state_name("SP"), state_name("REMOTE")) == ("São Paulo", "REMOTE")
