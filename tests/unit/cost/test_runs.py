"""How often schedules start something."""

from __future__ import annotations

import pytest

from opsctl.config.schedule import expression
from opsctl.cost.runs import runs_a_month

DAYS = 730 / 24


@pytest.mark.parametrize(
    ("schedule", "runs"),
    [
        ("15 4 * * *", DAYS),
        ("*/15 * * * *", DAYS * 24 * 4),
        ("0 8-18/2 * * 1-5", DAYS * 6 * 5 / 7),
        ("0 0 1,15 * *", 2),
        ("0 0 1 1 *", 1 / 12),
        ("0 12 * JUN-AUG MON", DAYS / 7 * 3 / 12),
        ("@hourly", DAYS * 24),
        ("rate(6 hours)", DAYS * 4),
        ("rate(1 minute)", DAYS * 1440),
        ("at(2027-01-01T00:00:00)", 0),
        ("cron(0 3 L * ? *)", 1),
        ("cron(0 3 ? * FRI#2 *)", 1),
        ("cron(0 3 ? * 6L *)", 1),
        ("cron(5/20 * * * ? *)", DAYS * 24 * 3),
    ],
)
def test_a_schedule_starts_as_often_as_it_says(schedule: str, runs: float) -> None:
    assert float(runs_a_month(expression(schedule))) == pytest.approx(runs)
