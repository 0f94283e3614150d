"""Credentials that end in the middle of a command: others are waited for, and the call is made again with them."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from opsctl.aws import renewal
from opsctl.aws.renewal import CredentialsEndedError
from opsctl.aws.session import Aws
from opsctl.cli import render_plan
from tests.functional.aws.conftest import Machine
from tests.functional.aws.endpoint import Answer, refusal, s3_refusal

EXPIRED = refusal("ExpiredToken", "The security token included in the request is expired")


def identity(account: str = "123456789012") -> Answer:
    return Answer(
        body="<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn</Arn><UserId>i</UserId>"
        f"<Account>{account}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
    )


def keys(machine: Machine, key: str) -> None:
    machine.write(
        ".aws/credentials", f"[default]\naws_access_key_id = {key}\naws_secret_access_key = s\naws_session_token = t\n"
    )


@pytest.fixture
def aws(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """A command that has worked, and whose credentials then end."""
    monkeypatch.setattr(renewal, "_ASK_SECONDS", 0.01)
    monkeypatch.setattr(renewal, "MACHINE_SECONDS", 0.5)
    keys(machine, "AKIAOLD")
    machine.set(AWS_ENDPOINT_URL="{url}")
    machine.aws.answers["GetCallerIdentity"] = identity()
    aws = Aws("us-east-1")
    assert aws.cloudformation.stacks() == []
    machine.aws.answers[""] = EXPIRED
    return aws


def outlasting(aws: Aws, tell: Callable[[str], None], *, leaving: bool = False) -> Any:
    return aws.outlasting(tell=tell, leaving=lambda: leaving, account=lambda: "123456789012")


def signer(machine: Machine, told: list[str]) -> Callable[[str], None]:
    """A person who does what they are told."""

    def tell(text: str) -> None:
        told.append(text)
        if "have ended" in text:
            keys(machine, "AKIANEW")
            machine.aws.answers[""] = Answer()

    return tell


def test_a_call_is_made_again_with_the_credentials_that_a_person_brings(machine: Machine, aws: Aws) -> None:
    told: list[str] = []
    checked: list[str] = []
    with outlasting(aws, signer(machine, told)) as waiting:
        waiting.before_repeat = lambda: checked.append("lock")
        assert aws.cloudformation.stacks() == []
    assert [text.partition(".")[0] for text in told] == [
        "The AWS credentials of the profile default have ended (DescribeStacks: ExpiredToken)",
        "There are new AWS credentials; it goes on",
    ]
    assert "AWS goes on with what it was told. Write others for the AWS profile default into ~/.aws/cred" in told[0]
    assert "AKIANEW" in machine.aws.requests[-1]["authorization"]
    assert checked == [], "reading changes nothing"


def test_before_a_change_is_made_again_it_is_asked_whether_it_may_be(machine: Machine, aws: Aws) -> None:
    checked: list[str] = []
    with outlasting(aws, signer(machine, [])) as waiting:
        waiting.before_repeat = lambda: checked.append("lock")
        aws.cloudformation.delete_stack("gone", token="t")
    assert checked == ["lock"]


def test_a_region_of_the_same_session_waits_as_well(machine: Machine, aws: Aws) -> None:
    with outlasting(aws, signer(machine, [])):
        assert aws.in_region("eu-west-1").cloudformation.stacks() == []


def test_a_file_is_sent_again_from_its_beginning(machine: Machine, aws: Aws) -> None:
    machine.aws.answers[""] = s3_refusal("ExpiredToken", "The provided token has expired.", 400)
    file = machine.write("page.html", "the whole page")

    def tell(text: str) -> None:
        if "have ended" in text:
            keys(machine, "AKIANEW")
            machine.aws.answers[""] = Answer(body="", headers={"ETag": '"e"'})

    with outlasting(aws, tell):
        aws.s3.upload("bucket", "index.html", file)
    sent = [each["body"] for each in machine.aws.requests if "the whole page" in each["body"]]
    assert len(sent) == 2


def test_credentials_of_another_account_are_not_used(machine: Machine, aws: Aws) -> None:
    told: list[str] = []
    machine.aws.answers["GetCallerIdentity"] = identity("999999999999")
    with outlasting(aws, signer(machine, told)), pytest.raises(CredentialsEndedError):
        aws.cloudformation.stacks()
    assert told[1] == "The new credentials belong to account 999999999999, not 123456789012: they are not used."
    assert len(told) == 2


def test_who_brings_none_is_told_what_goes_on(machine: Machine, aws: Aws) -> None:
    with outlasting(aws, lambda _: None), pytest.raises(CredentialsEndedError) as caught:
        aws.cloudformation.stacks()
    assert (caught.value.exit_code, caught.value.may_pass) == (5, False)
    assert caught.value.message.endswith("AWS goes on with what it was told.")
    assert "it goes on from here" in caught.value.hint


def test_who_leaves_is_not_held(machine: Machine, aws: Aws) -> None:
    before = time.monotonic()
    with outlasting(aws, lambda _: None, leaving=True), pytest.raises(CredentialsEndedError):
        aws.cloudformation.stacks()
    assert time.monotonic() - before < 1


def test_credentials_of_the_environment_end_the_command_at_once(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.set(AWS_ENDPOINT_URL="{url}", AWS_ACCESS_KEY_ID="AKIA", AWS_SECRET_ACCESS_KEY="s", AWS_SESSION_TOKEN="t")
    aws = Aws("us-east-1")
    machine.aws.answers[""] = EXPIRED
    told: list[str] = []
    with outlasting(aws, told.append), pytest.raises(CredentialsEndedError) as caught:
        aws.cloudformation.stacks()
    assert told == []
    assert caught.value.message == (
        "The AWS credentials in this command's environment have ended (DescribeStacks: ExpiredToken). No program gets "
        "others from its environment. AWS goes on with what it was told."
    )


def test_without_a_deploy_around_it_the_first_refusal_counts(machine: Machine, aws: Aws) -> None:
    with pytest.raises(Exception, match="does not accept these credentials"):
        aws.cloudformation.stacks()


# -- how long they last ------------------------------------------------------------------------------------------------


def test_the_end_of_credentials_is_read_where_it_is_noted(machine: Machine) -> None:
    end = datetime(2030, 1, 1, 12, tzinfo=UTC)
    keys(machine, "AKIA")
    assert Aws("us-east-1").credentials_end() is None
    text = "[default]\naws_access_key_id = A\naws_secret_access_key = s\naws_session_token = t\n"
    machine.write(".aws/credentials", f"{text}x_security_token_expires = 2030-01-01T12:00:00Z\n")
    assert Aws("us-east-1").credentials_end() == end.timestamp()
    machine.set(AWS_ACCESS_KEY_ID="A", AWS_SECRET_ACCESS_KEY="s", AWS_CREDENTIAL_EXPIRATION="2030-01-01T12:00:00Z")
    assert Aws("us-east-1").credentials_end() == end.timestamp()


def test_a_deploy_that_takes_longer_than_its_credentials_says_so_before() -> None:
    now, hour = 1_800_000_000.0, 3600.0
    assert render_plan.lifetime_text(None, hour, now) == ""
    assert render_plan.lifetime_text(now + 3601, hour, now) == ""
    said = render_plan.lifetime_text(now + 1800, hour, now)
    assert said.startswith("The AWS credentials end at 08:30 UTC, in 30 minutes, and this may take 60: sign in again")
    assert render_plan.lifetime_text(now + 601, 0.0, now) == ""
    assert "in 4 minutes" in render_plan.lifetime_text(now + 299, 0.0, now)
