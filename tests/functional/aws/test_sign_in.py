"""Whatever keeps people from signing in to AWS is told in a sentence of its own, with exit code 5 and what helps.

botocore is real here, and so are the files, the helper programs and the endpoint on loopback that it meets.
"""

from __future__ import annotations

import socket

import pytest

from tests.functional.aws.conftest import Machine
from tests.functional.aws.sign_in import CASES, KEYS, Case


def arrange(machine: Machine, case: Case) -> None:
    if case.config:
        machine.write(".aws/config", case.config)
    if case.helper is not None:
        machine.write("helper", case.helper, case.helper_mode)
    for name, text in case.files.items():
        machine.write(name, text)
    machine.set(**case.env)
    if case.answer:
        machine.aws.answers[""] = case.answer


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_keeps_one_from_signing_in_has_a_sentence_of_its_own(case: Case, machine: Machine) -> None:
    arrange(machine, case)
    ran = machine.opsctl("outputs")
    error, *hint = [line for line in ran.err.splitlines() if line.startswith(("Error: ", "Next: "))]
    assert ran.code == 5, ran.err
    assert machine.fill(case.says) in error
    assert machine.fill(case.advises) in "".join(hint)
    assert "bug of its own" not in ran.err
    assert "hunter2" not in ran.out + ran.err
    assert ".." not in error


def test_a_mistyped_region_is_told_before_anything_is_tried(machine: Machine) -> None:
    machine.set(**KEYS)
    ran = machine.opsctl("outputs", "--region", "us-esat-1")
    assert ran.code == 2
    assert ran.err.splitlines() == [
        "Error: dev can't be deployed to us-esat-1: AWS has no region us-esat-1.",
        "Next: Did you mean `us-west-1`?",
    ]


def test_a_network_without_a_way_out_is_no_matter_of_the_region(machine: Machine) -> None:
    def no_such_host(host: str, *_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, f"{host}: Temporary failure in name resolution")

    machine.set(**KEYS)
    machine.monkeypatch.setattr(socket, "getaddrinfo", no_such_host)
    ran = machine.opsctl("outputs")
    assert ran.code == 1
    assert "AWS can't be reached: Could not connect to the endpoint URL" in ran.err
    assert "network and the region" in ran.err


def test_configuration_that_this_user_may_not_read_is_named(machine: Machine) -> None:
    """botocore takes such a file for an empty one; sudo makes them."""
    path = machine.write(".aws/config", "[profile work]\n")
    machine.set(AWS_PROFILE="work")
    machine.monkeypatch.setattr("os.access", lambda asked, _mode: str(asked) != str(path))  # root may read everything
    path.write_text("", encoding="utf-8")
    ran = machine.opsctl("outputs")
    assert ran.code == 5
    assert f"{path} can't be read by this user." in ran.err
