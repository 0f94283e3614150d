"""The end of credentials in the middle, by where they come from: what is said and asked, and for how long."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from opsctl.aws.renewal import CredentialsEndedError, Renewal
from opsctl.aws.session import Aws
from tests.functional.aws.conftest import Machine
from tests.functional.aws.endpoint import Answer, refusal, role_session
from tests.functional.aws.sign_in import CONTAINER, ROLE, SSO, SSO_TOKEN, START, WEB
from tests.functional.aws.test_renewal import EXPIRED, identity, keys

SOON = timedelta(minutes=5)
"""botocore asks for others before each call while no more than ten minutes are left."""
PERSONS_STEP, MACHINES_STEP = 225.0, 30.0


def session_keys(key: str, lasts: timedelta = SOON) -> dict[str, str]:
    ends = (datetime.now(UTC) + lasts).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"AccessKeyId": key, "SecretAccessKey": "s", "Token": "t", "SessionToken": "t", "Expiration": ends}


class Source:
    """Where credentials come from: how they begin, end, and are renewed beside the command."""

    way = ""

    def begin(self, machine: Machine) -> None:
        """The old ones, good."""
        self.renew(machine, "ASIAOLD")

    def end(self, machine: Machine) -> None:
        """AWS takes the old ones no more."""
        machine.aws.answers["DescribeStacks"] = EXPIRED

    def renew(self, machine: Machine, key: str) -> None:
        """Others are there."""
        raise NotImplementedError


class KeysFile(Source):
    way = "Write others for the AWS profile default into ~/.aws/credentials."

    def renew(self, machine: Machine, key: str) -> None:
        keys(machine, key)


class Environment(Source):
    way = "Write new ones for the AWS profile default into ~/.aws/credentials."

    def begin(self, machine: Machine) -> None:
        keys(machine, "AKIAOTHER")  # somebody else's, which lie there all the time
        machine.set(AWS_ACCESS_KEY_ID="ASIAOLD", AWS_SECRET_ACCESS_KEY="s", AWS_SESSION_TOKEN="t")

    def renew(self, machine: Machine, key: str) -> None:
        keys(machine, key)


class Sso(Source):
    way = "Sign in beside this: `aws sso login --profile default`."

    def begin(self, machine: Machine) -> None:
        machine.write(".aws/config", f"{SSO}sso_start_url = {START}\nsso_region = us-east-1\n")
        super().begin(machine)

    def end(self, machine: Machine) -> None:
        machine.write(SSO_TOKEN, '{"accessToken": "x", "expiresAt": "2020-01-01T00:00:00Z"}')

    def renew(self, machine: Machine, key: str) -> None:
        machine.write(SSO_TOKEN, '{"accessToken": "x", "expiresAt": "2099-01-01T00:00:00Z"}')
        ends = (datetime.now(UTC) + SOON).timestamp() * 1000
        found = {"accessKeyId": key, "secretAccessKey": "s", "sessionToken": "t", "expiration": round(ends)}
        machine.aws.answers[""] = Answer(200, json.dumps({"roleCredentials": found}))


class WebIdentity(Source):
    way = "Its token file is read again."

    def begin(self, machine: Machine) -> None:
        machine.set(**WEB)
        super().begin(machine)

    def end(self, machine: Machine) -> None:
        machine.aws.answers["AssumeRoleWithWebIdentity"] = refusal("ExpiredTokenException", "Token expired", 400)

    def renew(self, machine: Machine, key: str) -> None:
        machine.write("token", f"eyJ.{key}.y")
        machine.aws.answers["AssumeRoleWithWebIdentity"] = role_session(
            "AssumeRoleWithWebIdentity", lasts=SOON, key=key
        )


class Container(Source):
    way = "The container's endpoint is asked again."

    def begin(self, machine: Machine) -> None:
        machine.set(**CONTAINER)
        super().begin(machine)

    def end(self, machine: Machine) -> None:
        machine.aws.answers[""] = Answer(500, "boom")

    def renew(self, machine: Machine, key: str) -> None:
        machine.aws.answers[""] = Answer(200, json.dumps(session_keys(key)))


class Helper(Source):
    """A credential_process that says nothing of an end, so that AWS's refusal is the first sign of it."""

    way = "Sign in where credential_process of the AWS profile default asks for it."
    tells_the_end = False

    def begin(self, machine: Machine) -> None:
        machine.write(".aws/config", "[default]\ncredential_process = {home}/helper\n")
        super().begin(machine)

    def renew(self, machine: Machine, key: str) -> None:
        told = session_keys(key) | {"Version": 1}
        if not self.tells_the_end:
            del told["Expiration"]
        machine.write("helper", f"#!/bin/sh\necho '{json.dumps(told)}'\n", mode=0o755)


class HelperThatAsks(Helper):
    tells_the_end = True

    def end(self, machine: Machine) -> None:
        machine.write("helper", "#!/bin/sh\necho please log in >&2\nexit 3\n", mode=0o755)


class Role(Source):
    """A role that is assumed with the keys of another profile; those end."""

    way = "Open a session beside this, in another terminal: `opsctl status` (AWS profile default)."

    def begin(self, machine: Machine) -> None:
        machine.write(".aws/config", f"[default]\n{ROLE}source_profile = source\n")
        machine.write(".aws/credentials", "[source]\naws_access_key_id = A\naws_secret_access_key = s\n")
        super().begin(machine)

    def end(self, machine: Machine) -> None:
        machine.aws.answers["AssumeRole"] = refusal("ExpiredToken", "The security token is expired", 403)

    def renew(self, machine: Machine, key: str) -> None:
        machine.aws.answers["AssumeRole"] = role_session("AssumeRole", lasts=SOON, key=key)


SOURCES = {
    "keys in the file": KeysFile(), "keys in the environment": Environment(), "single sign-on": Sso(),
    "web identity": WebIdentity(), "container": Container(), "helper": Helper(), "helper that asks": HelperThatAsks(),
    "role": Role(),
}  # fmt: skip


@dataclass
class Scene:
    """A command that has worked, and whose credentials then end; time passes only where it waits."""

    machine: Machine
    source: Source
    aws: Aws
    told: list[str] = field(default_factory=list)
    now: float = 0.0
    step: float = 0.0
    at: dict[float, Callable[[], None]] = field(default_factory=dict)
    """What happens beside it, by the time from which on."""

    def pause(self, _seconds: float) -> None:
        self.now += self.step
        for moment in [each for each in self.at if each <= self.now]:
            self.at.pop(moment)()

    def renew(self, key: str = "ASIANEW") -> None:
        self.source.renew(self.machine, key)
        self.machine.aws.answers["DescribeStacks"] = Answer()

    @contextmanager
    def outlasting(self, *, person: bool) -> Iterator[Renewal]:
        self.step = PERSONS_STEP if person else MACHINES_STEP
        with self.aws.outlasting(
            tell=self.told.append, leaving=lambda: False, account=lambda: self.aws.identity().account_id,
            person=person, clock=lambda: self.now, pause=self.pause,
        ) as waiting:  # fmt: skip
            assert waiting is not None
            assert self.aws.cloudformation.stacks() == []
            assert "ASIAOLD" in self.used
            self.source.end(self.machine)
            yield waiting

    @property
    def used(self) -> str:
        return self.machine.aws.requests[-1]["authorization"]


@pytest.fixture(params=SOURCES)
def scene(request: pytest.FixtureRequest, machine: Machine) -> Scene:
    machine.set(AWS_ENDPOINT_URL="{url}")
    machine.aws.answers |= {"GetCallerIdentity": identity(), "DescribeStacks": Answer()}
    source = SOURCES[request.param]
    source.begin(machine)
    return Scene(machine, source, Aws("us-east-1"))


def test_at_a_terminal_it_waits_for_a_quarter_of_an_hour_and_goes_on(scene: Scene) -> None:
    scene.at[650.0] = scene.renew
    with scene.outlasting(person=True):
        assert scene.aws.cloudformation.stacks() == []
    assert scene.now == pytest.approx(675.0)
    assert "ASIANEW" in scene.used
    assert len(scene.told) == 2
    assert (
        f"AWS goes on with what it was told. {scene.source.way} New ones are awaited for up to 15 minutes"
        in (scene.told[0])
    )
    assert scene.told[1] == "There are new AWS credentials; it goes on."


def test_and_no_longer(scene: Scene) -> None:
    scene.at[890.0] = scene.renew  # too late for the last look
    with scene.outlasting(person=True), pytest.raises(CredentialsEndedError) as caught:
        scene.aws.cloudformation.stacks()
    assert scene.now == pytest.approx(900.0)
    assert "No others came within 15 minutes. AWS goes on with what it was told." in caught.value.message
    assert caught.value.exit_code == 5


def test_a_machine_asks_its_own_source_for_a_minute(scene: Scene) -> None:
    scene.at[20.0] = scene.renew
    if isinstance(scene.source, Environment):  # nothing changes the environment of a program that runs
        with scene.outlasting(person=False), pytest.raises(CredentialsEndedError, match="No program gets others"):
            scene.aws.cloudformation.stacks()
        assert (scene.now, scene.told) == (0.0, [])
        return
    with scene.outlasting(person=False):
        assert scene.aws.cloudformation.stacks() == []
    assert scene.now == pytest.approx(30.0)
    assert "for up to 1 minute," in scene.told[0]
    assert "ASIANEW" in scene.used


@pytest.mark.parametrize("scene", ["keys in the environment", "web identity", "container"], indirect=True)
def test_and_ends_after_it(scene: Scene) -> None:
    with scene.outlasting(person=False), pytest.raises(CredentialsEndedError) as caught:
        scene.aws.cloudformation.stacks()
    assert scene.now == (0.0 if isinstance(scene.source, Environment) else 60.0)
    assert "AWS goes on with what it was told." in caught.value.message
    assert "it goes on from here" in caught.value.hint


@pytest.mark.parametrize("scene", ["web identity"], indirect=True)
def test_the_token_of_a_web_identity_is_read_from_its_file_again(scene: Scene) -> None:
    scene.at[20.0] = scene.renew
    with scene.outlasting(person=False):
        scene.aws.cloudformation.stacks()
    sent = [each["WebIdentityToken"] for each in scene.machine.aws.requests if "WebIdentityToken" in each]
    assert (sent[0], sent[-1]) == ("eyJ.ASIAOLD.y", "eyJ.ASIANEW.y")


@pytest.mark.parametrize("scene", ["keys in the environment"], indirect=True)
def test_keys_that_lay_in_the_file_before_are_not_taken_for_those_of_the_environment(scene: Scene) -> None:
    scene.at[100.0] = lambda: scene.renew("ASIANEW")
    with scene.outlasting(person=True):
        scene.machine.aws.answers["DescribeStacks"] = EXPIRED
        scene.aws.cloudformation.stacks()
    assert scene.now == pytest.approx(225.0)
    assert not any("AKIAOTHER" in each["authorization"] for each in scene.machine.aws.requests)


@pytest.mark.parametrize("scene", ["single sign-on"], indirect=True)
def test_a_second_end_is_waited_out_as_well(scene: Scene) -> None:
    scene.at[50.0] = scene.renew
    with scene.outlasting(person=True) as waiting:
        scene.aws.cloudformation.stacks()
        scene.source.end(scene.machine)
        scene.at[300.0] = lambda: scene.renew("ASIATHIRD")
        scene.aws.cloudformation.stacks()
        assert waiting.generation == 2
    assert "ASIATHIRD" in scene.used


@pytest.mark.parametrize("clock", [0.0, 4000.0])
def test_an_ended_session_is_told_from_a_wrong_clock_by_ec2s_date(machine: Machine, clock: float) -> None:
    machine.set(AWS_ENDPOINT_URL="{url}")
    machine.aws.answers["GetCallerIdentity"] = identity()
    keys(machine, "ASIAOLD")
    aws = Aws("us-east-1")
    aws.identity()
    machine.aws.answers[""] = Answer(
        400, "<Response><Errors><Error><Code>RequestExpired</Code><Message>Request has expired.</Message></Error>"
        "</Errors><RequestID>r</RequestID></Response>", {"Content-Type": "text/xml"}, clock,
    )  # fmt: skip
    told: list[str] = []
    with (
        aws.outlasting(
            tell=told.append, leaving=lambda: True, account=lambda: "", person=True
        ),
        pytest.raises(Exception, match="have ended" if clock == 0 else "RequestExpired"),
    ):  # fmt: skip
        aws.client("ec2").describe_vpcs()
    assert bool(told) is (clock == 0)


# -- said before ------------------------------------------------------------------------------------------------------


def token(**claims: Any) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJub25lIn0.{payload}.c2ln"


def test_a_web_identity_lasts_as_long_as_its_token_or_the_session_that_it_opened(machine: Machine) -> None:
    machine.set(**WEB)
    machine.aws.answers["AssumeRoleWithWebIdentity"] = role_session("AssumeRoleWithWebIdentity")
    machine.aws.answers["GetCallerIdentity"] = identity()
    now = datetime.now(UTC).timestamp()
    machine.write("token", token(exp=now + 300))
    aws = Aws("us-east-1")
    aws.identity()
    assert aws.credentials_end() == pytest.approx(now + 3600, abs=5)
    machine.write("token", token(exp=now + 9000))
    assert aws.credentials_end() == now + 9000
    for odd in ("", "eyJ.x.y", "a.b", token(), token(exp="soon"), token(exp=1e300), token(exp=True), "e.W10.x"):
        machine.write("token", odd)
        assert aws.credentials_end() is None, odd


def test_a_role_lasts_as_long_as_what_it_is_assumed_with(machine: Machine) -> None:
    machine.set(AWS_ENDPOINT_URL="{url}")
    machine.aws.answers["AssumeRole"] = role_session("AssumeRole")
    machine.aws.answers["GetCallerIdentity"] = identity()
    source = "aws_access_key_id = A\naws_secret_access_key = s\nx_security_token_expires = 2098-01-01T12:00:00Z\n"
    machine.write(".aws/config", f"[default]\n{ROLE}source_profile = b\n[profile b]\n{source}")
    aws = Aws("us-east-1")
    aws.identity()
    assert aws.credentials_end() == datetime(2098, 1, 1, 12, tzinfo=UTC).timestamp()
    machine.write(".aws/config", f"[default]\n{ROLE}source_profile = b\n[profile b]\n{source}".replace("2098", "2020"))
    aws = Aws("us-east-1")
    aws.identity()
    assert aws.credentials_end() == pytest.approx(datetime.now(UTC).timestamp() + 3600, abs=5)
