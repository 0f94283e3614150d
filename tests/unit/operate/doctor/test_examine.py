"""The doctor on a bare machine, at a broken environment and at a good one."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from opsctl.aws.certificates import Certificate
from opsctl.aws.topics import Subscription
from opsctl.cli import app
from opsctl.cli.render_doctor import doctor_text
from opsctl.operate.doctor import examine, machine, readiness
from opsctl.operate.doctor.examine import diagnose
from opsctl.operate.doctor.finding import Check, Diagnosis, Finding
from opsctl.operate.doctor.nameservers import NoAnswerError
from opsctl.operate.target import Target

from .clinic import ENVIRONMENTS, SERVERS, Clinic, soon


@pytest.fixture(autouse=True)
def machine_of_scripts(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One with git, podman and the plugin, all of them scripts; delegated zones."""
    programs = tmp_path_factory.mktemp("bin")
    for name, says in {"git": "", "podman": "", "session-manager-plugin": "1.2.700.0"}.items():
        (programs / name).write_text(f"#!/bin/sh\necho '{says}'\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/bin:/usr/bin")
    monkeypatch.setattr(examine, "network", lambda region: Finding("network", "ok", region))
    monkeypatch.setattr(readiness, "delegated", lambda _: SERVERS)
    return programs


def look(clinic: Clinic, name: str = "dev", *, live: bool = False) -> Diagnosis:
    return diagnose(lambda: clinic.target(name), clinic.folder, live=live)


def of(found: Diagnosis, area: str) -> list[Finding]:
    return [each for each in found.findings if each.area == area]


def one(found: Diagnosis, area: str) -> Finding:
    (each,) = of(found, area)
    return each


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_a_good_environment_has_nothing_but_ok_and_nothing_is_made(tmp_path: Path) -> None:
    found = look(Clinic(tmp_path, answered=time.time()))
    assert [each for each in found.findings if each.verdict != "ok"] == []
    assert {each.area for each in found.findings} >= {
        "configuration", "versions", "disk", "git", "container engine", "Session Manager plugin", "credentials",
        "clock", "availability zones", "hosted zones", "Fargate quota", "Lambda quota", "service-linked roles",
        "zone delegation",
        "image", "bootstrap", "stacks", "certificate", "alarms",
    }  # fmt: skip
    assert not found.is_wrong
    assert files(tmp_path) == {"environments.yaml"}


BROKEN: list[tuple[dict[str, Any], str, str, str, str]] = [
    ({"absent": frozenset({"bootstrap"})}, "bootstrap", "warning", "opsctl-bootstrap is not in", "opsctl bootstrap"),
    ({"zones": ("us-east-1c",)}, "availability zones", "wrong", "no zone us-east-1a", "environments.yaml"),
    ({"vcpus": 0.25}, "Fargate quota", "wrong", "Fargate allows this account 0.25", ""),
    ({"zone": None}, "hosted zones", "wrong", "this account has no hosted zone", ""),
    ({"roles": frozenset()}, "service-linked roles", "warning", "AWSServiceRoleForECS", "create-service-linked-role"),
    ({"subscriptions": ()}, "alarms", "wrong", "is not subscribed", "opsctl deploy"),
    (
        {"subscriptions": (Subscription("email", "ops@example.com", False),)},
        "alarms", "warning", "has not confirmed", "Follow the link",
    ),
    (
        {"certificate": Certificate("arn", "shop.example.com", "PENDING_VALIDATION")},
        "certificate", "warning", "PENDING_VALIDATION", "record in DNS",
    ),
    (
        {"certificate": Certificate("arn", "shop.example.com", "FAILED", reason="CAA_ERROR")},
        "certificate", "wrong", "FAILED CAA_ERROR", "",
    ),
    ({"answered": time.time() - 3600}, "clock", "wrong", "seconds ahead of AWS's", "Set this machine's clock"),
    ({"answered": time.time() + 7200}, "clock", "wrong", "seconds behind AWS's", "Set this machine's clock"),
]  # fmt: skip


@pytest.mark.parametrize(("state", "area", "verdict", "text", "todo"), BROKEN)
def test_what_is_broken_is_a_line_with_what_to_do(
    tmp_path: Path, state: dict[str, Any], area: str, verdict: str, text: str, todo: str
) -> None:
    found = look(Clinic(tmp_path, **state))
    each = of(found, area)[0]
    assert each.verdict == verdict
    assert text in each.text
    assert todo in each.todo
    assert each.todo
    assert found.is_wrong == (verdict == "wrong")


@pytest.mark.parametrize(
    ("status", "verdict"),
    [("DELETE_IN_PROGRESS", "warning"), ("UPDATE_IN_PROGRESS", "warning"), ("UPDATE_COMPLETE", "ok")],
)
def test_stacks_that_move_are_told(tmp_path: Path, status: str, verdict: str) -> None:
    found = of(look(Clinic(tmp_path, statuses={"data": status})), "stacks")
    assert verdict in {each.verdict for each in found}


def test_a_zone_that_is_delegated_elsewhere_and_a_resolver_that_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "delegated", lambda _: frozenset({"ns.registrar.example"}))
    each = one(look(Clinic(tmp_path)), "zone delegation")
    assert (each.verdict, "points to ns.registrar.example" in each.text) == ("wrong", True)
    assert "ns-1.awsdns-01.org" in each.todo

    def silent(_: str) -> frozenset[str]:
        raise NoAnswerError("the resolver 10.0.0.2 does not answer (timed out)")

    monkeypatch.setattr(readiness, "delegated", silent)
    each = one(look(Clinic(tmp_path)), "zone delegation")
    assert (each.verdict, each.read) == ("warning", False)


@pytest.mark.parametrize("question", ["zones", "quota", "zone", "roles", "topics", "certificate", "stacks"])
def test_what_may_not_be_read_is_said_and_the_rest_is_looked_at(tmp_path: Path, question: str) -> None:
    found = look(Clinic(tmp_path, refused=frozenset({question})))
    unread = [each for each in found.findings if not each.read]
    assert unread
    assert all(f"AWS denied {question}." in each.text and each.verdict == "warning" for each in unread)
    assert not found.is_wrong
    assert one(found, "image").verdict == "ok"
    assert found.to_dict()["not_read"] == len(unread)


def test_credentials_that_end_soon_and_calls_that_go_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    found = look(Clinic(tmp_path, ends=soon(10.5)))
    assert "they end in 10 minutes" in of(found, "credentials")[1].text
    assert "AWS_ENDPOINT_URL=http://127.0.0.1:4566" in one(found, "endpoint").text


def test_without_credentials_nothing_of_the_environment_is_asked(tmp_path: Path) -> None:
    clinic = Clinic(tmp_path, nobody=True)
    found = look(clinic)
    each = one(found, "credentials")
    assert (each.verdict, each.todo) == ("wrong", "Set AWS_PROFILE.")
    assert not one(found, "environment").read
    assert clinic.asked == []
    assert one(found, "disk").verdict == "ok"


def test_a_bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    assert app.run(["doctor", "--json"]) == 1
    model = json.loads(capsys.readouterr().out)
    lines = {each["area"]: each for each in model["findings"]}
    assert model["environment"] is None
    assert {area: each["verdict"] for area, each in lines.items()} == {
        "configuration": "wrong", "versions": "ok", "disk": "ok", "git": "warning", "container engine": "ok",
        "Session Manager plugin": "warning", "network": "ok", "credentials": "warning",
    }  # fmt: skip
    assert "opsctl init" in lines["configuration"]["todo"]
    assert list(tmp_path.iterdir()) == []


def test_a_broken_file_is_a_line_and_a_name_that_is_none_is_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    path = tmp_path / "environments.yaml"
    path.write_text(ENVIRONMENTS.replace("nat_gateways: 1", "nat_gatewys: 1"))
    assert app.run(["doctor", "--config", str(path)]) == 1
    assert "nat_gatewys" in capsys.readouterr().out
    path.write_text(ENVIRONMENTS)
    assert app.run(["doctor", "--config", str(path), "--env", "nope"]) in {2, 4}
    assert "nope" in capsys.readouterr().err


def test_an_environment_of_this_machine_needs_no_aws(tmp_path: Path) -> None:
    clinic = Clinic(tmp_path, nobody=True)
    found = look(clinic, "here")
    assert not found.is_wrong
    assert [each.text for each in of(found, "local target")][-1] == "here does not run"
    assert of(look(clinic, "here", live=True), "local target")[-1].verdict == "wrong"
    assert not (tmp_path / ".opsctl").exists()


def test_a_dockerfile_needs_an_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine_of_scripts: Path
) -> None:
    (machine_of_scripts / "podman").write_text("#!/bin/sh\nexit 1\n")
    (machine_of_scripts / "sh").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", str(machine_of_scripts))
    clinic = Clinic(tmp_path)
    assert one(look(clinic), "container engine").verdict == "ok"
    target = clinic.target()
    application = target.env.application.model_copy(update={"dockerfile": "Dockerfile"})
    env = target.env.model_copy(update={"application": application})
    other = Target(target.workspace, env, env)
    other.__dict__["aws"] = target.aws
    each = one(diagnose(lambda: other, tmp_path, live=False), "container engine")
    assert each.verdict == "wrong"
    assert "podman is there and does not answer" in each.text


def test_looks_are_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits for all the others to have begun; one after the other they would wait for ever."""
    import threading

    together = threading.Barrier(5)

    def slow() -> Any:
        together.wait(timeout=20)
        yield Finding("slow", "ok", "there")

    monkeypatch.setattr(machine, "checks", lambda *_: [Check("slow", slow)] * 5)
    assert len(of(look(Clinic(tmp_path)), "slow")) == 5


def test_the_text_fits_a_terminal_is_whole_in_a_pipe_and_holds_no_control_characters() -> None:
    found = Diagnosis("dev", (
        Finding("stacks", "wrong", "data is \x1b[31mbad " + "word " * 40, "do " * 60),
        Finding("disk", "ok", "fine"), Finding("git", "warning", "none"), Finding("git", "warning", "none"),
    ))  # fmt: skip
    text = doctor_text(found, 80)
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "\x1b" not in text
    assert text.endswith("\ndev: 1 wrong, 2 warnings, 1 ok.")
    assert len(doctor_text(found, None).splitlines()) == 7
    assert os.linesep not in doctor_text(found, None).splitlines()[0]
