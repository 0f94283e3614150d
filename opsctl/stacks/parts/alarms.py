"""CloudWatch alarms that tell the environment's topic when they fire and when they are over."""

from __future__ import annotations

from typing import Any, Literal

from troposphere import cloudwatch

from opsctl.stacks.parts.base import StackBuilder

Comparison = Literal[
    "GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"
]
Missing = Literal["notBreaching", "breaching", "missing", "ignore"]


def alarm(
    stack: StackBuilder,
    name: str,
    *,
    description: str,
    namespace: str,
    metric: str,
    dimensions: dict[str, Any],
    threshold: float,
    comparison: Comparison = "GreaterThanThreshold",
    statistic: Literal["Average", "Maximum", "Minimum", "Sum", "SampleCount"] = "Average",
    period: int = 300,
    periods: int = 3,
    within: int | None = None,
    missing: Missing = "notBreaching",
    filled: bool = False,
) -> cloudwatch.Alarm:
    """Add alarm `name`: `periods` periods of `period` seconds in a row, or any that many of the last `within`.
    `description` says what to look at first.

    `filled`: a period without data counts as 0. What `missing` says is not asked as long as CloudWatch finds as many
    real data points as it needs, and it looks further back for them than `within`. [UG CW, alarms-and-missing-data]
    The latest period or two may always be 0 then, as metrics come late, so choose fewer `periods` than `within`. [UG
    CW, using-metric-math, FILL]

    The topic must be encrypted with a customer key: with SNS's own key CloudWatch cannot publish, and only the alarm's
    history shows it. [re:Post cloudwatch-receive-sns-for-alarm-trigger]
    """
    topic = stack.output_of("platform", "AlarmTopicArn")
    measured = {
        "Namespace": namespace,
        "MetricName": metric,
        "Dimensions": [cloudwatch.MetricDimension(Name=key, Value=value) for key, value in dimensions.items()],
    }
    made = cloudwatch.Alarm(
        name,
        AlarmDescription=description,
        **(_filled(measured, statistic, period) if filled else {**measured, "Statistic": statistic, "Period": period}),
        EvaluationPeriods=within or periods,
        Threshold=threshold,
        ComparisonOperator=comparison,
        TreatMissingData=missing,
        AlarmActions=[topic],
        OKActions=[topic],
    )
    if within is not None:
        made.DatapointsToAlarm = periods
    return stack.add(made)


def _filled(measured: dict[str, Any], statistic: str, period: int) -> dict[str, Any]:
    stat = cloudwatch.MetricStat(Metric=cloudwatch.Metric(**measured), Period=period, Stat=statistic)
    return {
        "Metrics": [
            cloudwatch.MetricDataQuery(Id="measured", MetricStat=stat, ReturnData=False),
            cloudwatch.MetricDataQuery(Id="filled", Expression="FILL(measured, 0)", ReturnData=True),
        ]
    }
