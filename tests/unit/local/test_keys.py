"""The target's key, and what is derived from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsctl.local.keys import AccessKey, ensure, load
from opsctl.local.state import StateDir

OWN = AccessKey("LOCALOWN", "secret")
HEALTH = ("GET", "/_opsctl/health")


def test_a_key_is_made_once(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    assert load(state) == AccessKey("", "")
    made = ensure(state)
    assert ensure(state) == load(state) == made
    assert made.secret not in repr(made)
    state.key.write_text("{}")
    assert ensure(state) != made


def test_a_question_is_proved_for_a_minute() -> None:
    proof = OWN.proof(*HEALTH, 1000)
    assert OWN.proves(proof, *HEALTH, 1059.0)
    assert not OWN.proves(proof, *HEALTH, 1061.0)
    assert not OWN.proves(proof, *HEALTH, 939.0)


def test_an_answer_is_proved_as_it_is_to_one_question_by_one_key() -> None:
    question = OWN.proof(*HEALTH, 1000)
    proof = OWN.answer_proof(question, b'{"ready": true}')
    assert proof == OWN.answer_proof(question, b'{"ready": true}')
    assert proof != OWN.answer_proof(question, b'{"ready": false}')
    assert proof != OWN.answer_proof(OWN.proof(*HEALTH, 1001), b'{"ready": true}')
    assert proof != AccessKey("LOCALOWN", "other").answer_proof(question, b'{"ready": true}')


@pytest.mark.parametrize(
    "given",
    [
        "",
        "1000",
        "1000:",
        "x:y",
        "Bearer 1000",
        "1000:\u00e9",
        f"{'9' * 5000}:x",
        f"1001:{OWN.proof(*HEALTH, 1000)[5:]}",
    ],
)
def test_nothing_else_proves_it(given: str) -> None:
    assert not OWN.proves(given, *HEALTH, 1000.0)


def test_a_proof_is_good_for_one_question_of_one_key() -> None:
    proof = OWN.proof(*HEALTH, 1000)
    assert not OWN.proves(proof, "GET", "/_opsctl/login", 1000.0)
    assert not OWN.proves(proof, "DELETE", "/_opsctl/health", 1000.0)
    assert not AccessKey("LOCALOWN", "other").proves(proof, *HEALTH, 1000.0)
