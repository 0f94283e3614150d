"""A role is assumed once for all regions and commands; its MFA code is asked for at a terminal, and nowhere else."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from opsctl.aws.errors import AwsRefusedError
from opsctl.aws.session import Aws
from opsctl.aws.signin import MfaNeededError
from tests.functional.aws.conftest import Machine
from tests.functional.aws.endpoint import Answer, refusal, role_session
from tests.functional.cli import ROOT

SERIAL = "arn:aws:iam::123456789012:mfa/alice"
PROFILES = """\
[profile deploy]
role_arn = arn:aws:iam::123456789012:role/deploy
source_profile = base
{mfa}
[profile base]
aws_access_key_id = AKIABASE
aws_secret_access_key = not-a-secret
"""
ASSUME, IDENTITY = "AssumeRole", "GetCallerIdentity"
WHO = Answer(
    body="<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:sts::123456789012:x</Arn><UserId>u</UserId>"
    "<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
)


@pytest.fixture
def role(machine: Machine) -> Machine:
    """A profile whose role wants an MFA code, and an STS that gives a session of an hour."""
    machine.write(".aws/config", PROFILES.replace("{mfa}", f"mfa_serial = {SERIAL}"))
    machine.set(AWS_PROFILE="deploy", AWS_ENDPOINT_URL="{url}")
    machine.aws.answers = {ASSUME: role_session(ASSUME), IDENTITY: WHO}
    return machine


def cached(machine: Machine) -> list[Path]:
    return list((machine.home / ".aws" / "cli" / "cache").glob("*"))


def test_a_code_is_asked_for_once_whatever_regions_are_used(role: Machine) -> None:
    questions: list[str] = []

    def ask(question: str) -> str:
        questions.append(question)
        return "123456"

    aws = Aws("sa-east-1", ask=ask)
    for region in ("sa-east-1", "us-east-1", "eu-west-1"):
        aws.in_region(region).identity()
    assert questions == [f"Enter MFA code for {SERIAL}: "]
    assert role.aws.asked == {ASSUME: 1, IDENTITY: 3}
    first = role.aws.requests[0]
    assert (first["SerialNumber"], first["TokenCode"]) == (SERIAL, "123456")


def test_regions_are_signed_for_with_the_one_session(role: Machine) -> None:
    aws = Aws("sa-east-1", ask=lambda _: "123456")
    aws.identity()
    aws.in_region("us-east-1").identity()
    signed = [each["authorization"].split()[1] for each in role.aws.requests if each["Action"] == IDENTITY]
    assert [each.split("/")[0] for each in signed] == ["Credential=ASIAROLE"] * 2
    assert [each.split("/")[2] for each in signed] == ["sa-east-1", "us-east-1"]


def test_the_next_command_finds_the_session_where_the_aws_cli_looks(role: Machine) -> None:
    Aws("us-east-1", ask=lambda _: "123456").identity()
    Aws("us-east-1").identity()
    assert role.aws.asked[ASSUME] == 1
    (kept,) = cached(role)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    # The AWS CLI names a session by the parameters of its AssumeRole.
    asked = json.dumps({"RoleArn": "arn:aws:iam::123456789012:role/deploy", "SerialNumber": SERIAL}, sort_keys=True)
    assert kept.stem == hashlib.sha1(asked.encode(), usedforsecurity=False).hexdigest()
    assert json.loads(kept.read_text(encoding="utf-8"))["Credentials"]["AccessKeyId"] == "ASIAROLE"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"Credentials": {"Expiration": "soon"}}', '{"Credentials": null}',
             '{"Credentials": {"Expiration": "2099-01-01T00:00:00UTC", "AccessKeyId": null}}', "\0"],
)  # fmt: skip
def test_what_is_no_session_in_the_cache_is_as_if_it_were_not_there(text: str, role: Machine) -> None:
    Aws("us-east-1", ask=lambda _: "123456").identity()
    (kept,) = cached(role)
    kept.write_text(text, encoding="utf-8")
    Aws("us-east-1", ask=lambda _: "654321").identity()
    assert role.aws.asked[ASSUME] == 2


def test_a_cache_that_can_not_be_written_costs_a_code_and_nothing_else(role: Machine) -> None:
    (role.home / ".aws" / "cli").write_text("a file in the folder's place", encoding="utf-8")
    Aws("us-east-1", ask=lambda _: "123456").identity()
    assert role.aws.asked == {ASSUME: 1, IDENTITY: 1}


def test_a_session_about_to_end_is_opened_anew(role: Machine) -> None:
    role.aws.answers[ASSUME] = role_session(ASSUME, lasts=timedelta(minutes=11))
    Aws("us-east-1", ask=lambda _: "123456").identity()
    Aws("us-east-1", ask=lambda _: "123456").identity()
    assert role.aws.asked[ASSUME] == 2


def test_a_session_that_ends_in_the_middle_of_the_work_says_so(role: Machine) -> None:
    role.aws.answers[ASSUME] = role_session(ASSUME, lasts=timedelta(minutes=5))
    aws = Aws("us-east-1", ask=lambda _: "123456")
    aws.identity()
    with pytest.raises(AwsRefusedError, match="opened for the AWS profile deploy has ended") as caught:
        aws.identity()
    assert "duration_seconds" in caught.value.hint


def test_without_anybody_to_ask_the_ways_out_are_named(role: Machine) -> None:
    with pytest.raises(MfaNeededError) as caught:
        Aws("us-east-1").identity()
    assert caught.value.message == (
        f"The AWS profile deploy needs an MFA code of {SERIAL}, and there is nobody to ask."
    )
    assert "get-session-token" in caught.value.hint
    assert (caught.value.code, caught.value.exit_code) == ("mfa-needed", 5)


def test_a_code_that_aws_does_not_accept_is_named_as_such(role: Machine) -> None:
    text = "MultiFactorAuthentication failed with invalid MFA one time pass code. "
    role.aws.answers[ASSUME] = refusal("AccessDenied", text)
    with pytest.raises(AwsRefusedError, match="AWS does not accept the MFA code") as caught:
        Aws("us-east-1", ask=lambda _: "000000").identity()
    assert "A code works once" in caught.value.hint


def test_a_role_without_mfa_and_a_web_identity_are_kept_too(role: Machine) -> None:
    role.write(".aws/config", PROFILES.replace("{mfa}", ""))
    web = "AssumeRoleWithWebIdentity"
    role.aws.answers[web] = role_session(web, key="ASIAWEB")
    for _ in range(2):
        Aws("us-east-1").identity()
    role.monkeypatch.delenv("AWS_PROFILE")
    role.write("token", "eyJ.x.y")
    role.set(AWS_ROLE_ARN="arn:aws:iam::123456789012:role/web", AWS_WEB_IDENTITY_TOKEN_FILE="{home}/token")
    for _ in range(2):
        Aws("us-east-1").identity()
    assert role.aws.asked == {ASSUME: 1, web: 1, IDENTITY: 4}
    assert len(cached(role)) == 2


def started(role: Machine, *arguments: str, terminal: bool) -> tuple[subprocess.Popen[bytes], int]:
    """`opsctl` in a process of its own; with a terminal for everything but stdout. Returns the terminal's other end."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "opsctl", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=theirs if terminal else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs if terminal else subprocess.STDOUT,
        start_new_session=True,
    )
    os.close(theirs)
    return child, ours


def read_until(ours: int, text: bytes) -> bytes:
    shown = b""
    while text not in shown:
        shown += os.read(ours, 4096)
    return shown


def test_at_a_terminal_the_question_is_on_the_terminal_and_the_result_on_stdout(role: Machine) -> None:
    child, ours = started(role, "outputs", terminal=True)
    read_until(ours, f"Enter MFA code for {SERIAL}: ".encode())
    os.write(ours, b"123456\n")
    out, _ = child.communicate(timeout=60)
    os.close(ours)
    assert (child.returncode, b"MFA" in out) == (0, False)
    assert role.aws.asked[ASSUME] == 1
    again, ours = started(role, "outputs", terminal=False)
    again.communicate(timeout=60)
    os.close(ours)
    assert (again.returncode, role.aws.asked[ASSUME]) == (0, 1)


@pytest.mark.parametrize(("terminal", "arguments"), [(False, ()), (True, ("--json",))], ids=["a pipe", "--json"])
def test_in_a_pipe_and_under_json_nobody_is_asked(terminal: bool, arguments: tuple[str, ...], role: Machine) -> None:
    child, ours = started(role, "outputs", *arguments, terminal=terminal)
    out, _ = child.communicate(timeout=60)
    os.close(ours)
    assert child.returncode == 5
    assert f"needs an MFA code of {SERIAL}, and there is nobody to ask." in out.decode()
    assert "Enter MFA code" not in out.decode()
    assert role.aws.asked[ASSUME] == 0
