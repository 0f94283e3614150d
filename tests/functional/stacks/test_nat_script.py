"""The NAT instance's script run by bash, with every command it calls replaced by one that writes down its call."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from opsctl.stacks.parts.nat import user_data

COMMANDS = (
    "dd", "chmod", "mkswap", "swapon", "dnf", "ip", "systemctl", "iptables", "service", "sysctl", "poweroff", "sleep",
    "cfn-signal",
)  # fmt: skip


class Machine:
    """A directory that stands for the instance; `fail` names commands (with their first arguments) that fail."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log = root / "calls.log"
        self.log.touch()
        for folder in ("bin", "opt/aws/bin", "etc/sysctl.d", "proc/sys/net/ipv4"):
            (root / folder).mkdir(parents=True)
        (root / "proc/sys/net/ipv4/ip_forward").write_text("1\n")
        for command in COMMANDS:
            self._fake(command)

    def _fake(self, command: str) -> None:
        folder = "opt/aws/bin" if command == "cfn-signal" else "bin"
        path = self.root / folder / command
        default_route = "echo 'default via 10.20.0.1 dev ens5 proto dhcp src 10.20.0.9'" if command == "ip" else ":"
        path.write_text(
            "#!/bin/bash\n"
            f'call="{command} $*"\n'
            f'echo "$call" >> {self.log}\n'
            f'while read -r pattern; do [[ -n "$pattern" && "$call" == $pattern ]] && exit 1; done < {self.root}/fail\n'
            f"{default_route}\n"
        )
        path.chmod(0o755)

    def run(self, *fail: str) -> list[str]:
        """The calls, in order."""
        (self.root / "fail").write_text("".join(f"{pattern}\n" for pattern in fail))
        _, script = user_data("10.20.0.0/16")
        script = script.replace("${AWS::StackName}", "dev-egress").replace("${AWS::Region}", "us-east-1")
        for folder in ("/opt/aws", "/etc/", "/proc/", "/swapfile"):
            script = script.replace(folder, f"{self.root}{folder}")
        environment = {"PATH": f"{self.root}/bin:{os.environ['PATH']}"}
        subprocess.run(["bash", "-c", script], env=environment, capture_output=True, check=False, timeout=30)
        return self.log.read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def index(calls: list[str], start: str) -> int:
    return next(number for number, call in enumerate(calls) if call.startswith(start))


def test_it_signals_success_once_packets_are_translated(machine: Machine) -> None:
    calls = machine.run()
    assert calls[-1].startswith("cfn-signal --exit-code 0 --stack dev-egress --resource NatInstance")
    assert "poweroff " not in calls
    assert "iptables -t nat -C POSTROUTING -o ens5 -s 10.20.0.0/16 -j MASQUERADE" in calls
    forwarding = index(calls, "sysctl -p")
    assert index(calls, "swapon") < index(calls, "dnf install") < index(calls, "iptables -t nat -A")
    assert index(calls, "iptables -t nat -C") < index(calls, "service iptables save") < forwarding
    assert (machine.root / "etc/sysctl.d/90-nat.conf").read_text() == "net.ipv4.ip_forward=1\n"


@pytest.mark.parametrize(
    "failing",
    [
        "swapon *", "dnf *", "ip -o*", "systemctl *", "iptables -t nat -A*", "iptables -t nat -C*", "service *",
        "sysctl -p*",
    ],
)  # fmt: skip
def test_whatever_fails_it_reports_it_and_powers_off_without_forwarding(machine: Machine, failing: str) -> None:
    calls = machine.run(failing)
    assert calls[-1] == "poweroff "
    assert any(call.startswith("cfn-signal --exit-code 1") for call in calls)
    assert not any(call.startswith("cfn-signal --exit-code 0") for call in calls)
    assert "sysctl -q -w net.ipv4.ip_forward=0" in calls
    if failing != "sysctl -p*":
        assert not any(call.startswith("sysctl -p") for call in calls)


def test_it_powers_off_even_when_nobody_hears_its_failure(machine: Machine) -> None:
    assert machine.run("dnf *", "cfn-signal *")[-1] == "poweroff "


def test_it_tries_the_packages_again_before_it_gives_up(machine: Machine) -> None:
    calls = machine.run("dnf *")
    assert len([call for call in calls if call.startswith("dnf install")]) == 5


def test_it_powers_off_when_forwarding_did_not_take(machine: Machine) -> None:
    (machine.root / "proc/sys/net/ipv4/ip_forward").write_text("0\n")
    assert machine.run()[-1] == "poweroff "


def test_a_machine_without_a_default_route_is_no_way_out(machine: Machine) -> None:
    route = machine.root / "bin/ip"
    route.write_text(route.read_text().replace("echo 'default", "true 'default"))
    assert machine.run()[-1] == "poweroff "
