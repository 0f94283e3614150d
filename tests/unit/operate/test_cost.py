"""An environment's month, and prices brought up to date from answers in the recorded shape."""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from opsctl.cli import app
from opsctl.cost.offers import Unanswered
from opsctl.errors import UsageError
from opsctl.operate.cost import monthly, own_prices, price_table, refresh
from opsctl.operate.target import Target, Workspace
from tests.unit.cost.test_offers import product

from .shop import ENVIRONMENTS, SETTINGS


@dataclass
class FakePriceList:
    """Answers by usage type; everything else has none."""

    prices: Mapping[str, str]
    asked: list[tuple[str, Mapping[str, str], str]] = field(default_factory=list)

    def products(self, service: str, equal: Mapping[str, str], containing: Mapping[str, str]) -> list[dict[str, Any]]:
        usage = containing["usagetype"]
        self.asked.append((service, equal, usage))
        return [product(usage, ("0", self.prices[usage]))] if usage in self.prices else []


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "environments.yaml").write_text(ENVIRONMENTS)
    (tmp_path / "manage.py").write_text("")
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "settings.py").write_text(SETTINGS)
    return tmp_path


def target_of(project: Path, prices: FakePriceList | None = None) -> Target:
    target = Workspace.open(project / "environments.yaml").target("dev")
    regions: list[str] = []

    def in_region(region: str) -> Any:
        regions.append(region)
        return SimpleNamespace(price_list=prices)

    target.__dict__["aws"] = SimpleNamespace(in_region=in_region, regions=regions)  # a cached property's value
    return target


def test_prices_of_what_the_environment_has_are_asked_for_and_kept(project: Path) -> None:
    fake = FakePriceList({"NatGateway-Hours": "0.051", "LoadBalancerUsage": "0.0225"})
    target = target_of(project, fake)
    before = monthly(target, price_table(project))
    done = refresh(target, price_table(project), None)
    assert target.aws.regions == ["us-east-1"]  # type: ignore[attr-defined]
    assert done.got == 2
    assert [(new.item, float(new.usd)) for _, new in done.changed] == [("nat.hour", 0.051)]
    assert ("AmazonEC2", {"regionCode": "us-east-1"}, "NatGateway-Hours") in fake.asked
    assert not any("Endpoint" in usage for _, _, usage in fake.asked), "it has none"
    assert len(done.unanswered) + done.got == len(before.lines)
    assert Unanswered("nat.gb", "us-east-1", "the answer has no price") in done.unanswered
    path = own_prices(project)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    after = monthly(target, price_table(project))
    assert float(after.total - before.total) == pytest.approx(730 * (0.051 - 0.045))
    # Again, with an answer for another one: what was had before stays.
    again = refresh(target_of(project, FakePriceList({"NatGateway-Bytes": "0.05"})), price_table(project), None)
    assert again.got == 1
    assert {row.split(",")[0] for row in path.read_text().splitlines()[1:]} == {"nat.hour", "alb.hour", "nat.gb"}


def test_a_file_of_ones_own_is_written_where_it_is_asked_for_and_nowhere_else(project: Path, tmp_path: Path) -> None:
    target = target_of(project, FakePriceList({"NatGateway-Hours": "0.051"}))
    with pytest.raises(UsageError, match="there is no folder"):
        refresh(target, price_table(project), tmp_path / "none" / "p.csv")
    refresh(target, price_table(project), tmp_path / "p.csv")
    assert not own_prices(project).exists()
    row = price_table(project, tmp_path / "p.csv").price("nat.hour", "us-east-1")
    assert row is not None
    assert (row.grade, row.date) == ("API", "2026-09-01")


def test_this_machine_costs_nothing_and_has_no_prices(project: Path) -> None:
    text = ENVIRONMENTS.replace("    region: us-east-1\n", "    target: local\n")
    (project / "environments.yaml").write_text(text)
    target = target_of(project)
    assert monthly(target, price_table(project)).lines == ()
    with pytest.raises(UsageError, match="runs on this machine"):
        refresh(target, price_table(project), None)


def run(project: Path, *words: str) -> int:
    return app.run(["cost", "--config", str(project / "environments.yaml"), *words])


def test_the_command_exits_3_over_the_budget_and_asks_aws_nothing(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "none-of-this-name")  # any call would fail
    assert run(project) == 0
    text = capsys.readouterr().out
    assert "  NAT gateway                       730 hour × 0.045                    32.85\n" in text
    assert run(project, "--json", "--budget", "20") == 3
    model = json.loads(capsys.readouterr().out)
    assert (model["over_budget"], model["budget"], model["currency"]) == (True, 20.0, "USD")
    assert {line["price"]["grade"] for line in model["lines"]} <= {"A", "B", "C", "D", "U"}
    assert sum(line["usd"] for line in model["lines"]) == pytest.approx(model["total"], abs=0.1)
    (project / "environments.yaml").write_text(
        ENVIRONMENTS.replace("{alert_email: ops@example.com}", "{alert_email: ops@example.com, monthly_budget: 10,"
                             " usage: {requests: 500}}")
    )  # fmt: skip
    assert run(project, "--budget", "100000") == 0
    assert run(project) == 3
    assert "! Over the budget of $10.00 by $" in capsys.readouterr().out
    assert run(project, "--usage", "requests=0", "--json") == 3
    assert json.loads(capsys.readouterr().out)["assumptions"]["requests"] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--usage", "request=5"], "There is no assumption `request`."),
        (["--usage", "requests"], "it has no number"),
        (["--usage", "requests=lots"], "`lots` is no number"),
        (["--usage", "requests=-1"], "--usage requests=-1 can't be"),
        (["--usage", "requests=inf"], "--usage requests=inf can't be"),
        (["--out", "x.csv"], "--out is where --update keeps prices."),
        (["--prices", "manage.py"], "manage.py, line 1, is no row of prices"),
    ],
)
def test_what_can_not_be_meant_is_said_in_a_sentence(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    monkeypatch.chdir(project)
    assert run(project, *words) == 2
    assert said in capsys.readouterr().err


def test_the_text_fits_80_columns(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(project, "--budget", "20", "--usage", "lcu=3", "--usage", "extra_tasks=1.5", "--usage", "backup_gb=100")
    assert [line for line in capsys.readouterr().out.splitlines() if len(line) > 80] == []


def test_a_budget_alarm_needs_a_budget(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "environments.yaml").write_text(
        ENVIRONMENTS.replace("{alert_email: ops@example.com}", "{alert_email: ops@example.com, budget_alarm: true}")
    )
    assert run(project) == 4
    assert "the budget alarm needs it" in capsys.readouterr().err
