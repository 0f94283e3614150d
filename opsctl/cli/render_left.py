"""What an account holds, and what a removed environment left in it."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from opsctl.cli import output

if TYPE_CHECKING:
    from opsctl.deploy.leftovers import Leftover
    from opsctl.deploy.planning.holdings import Holding
    from opsctl.operate.account import Found

Names = Collection[tuple[str, str, str]]


def left_lines(left: Sequence[Leftover]) -> list[str]:
    """What is left, a line each, with its command below."""
    if not left:
        return []
    dates = sorted({each.price_date[:7] for each in left if each.price_date})
    period = " to ".join(dict.fromkeys([*dates[:1], *dates[-1:]]))
    prices = f", at list prices of {period} in US dollars a month" if dates else ""
    lines = ["", output.sentences(f"Left until somebody deletes it{prices}:")]
    commands = {each.command for each in left}
    for each in left:
        cost = f" Costs {each.cost}." if each.cost not in {"", "0"} else ""
        told = f"  {each.kind} {output.one_line(each.name)}: {each.reason}.{cost}"
        lines.append(output.wrapped(told, sys.stdout, indent="    "))
        if each.command and len(commands) > 1:
            lines.append(f"    {output.one_line(each.command)}")
    if len(commands) == 1:
        lines.append(output.sentences(f"`{left[0].command}` removes {'it' if len(left) == 1 else 'all of it'}."))
    return lines


def before_lines(before: Mapping[str, datetime]) -> list[str]:
    """What another run removed, of whose end this one is the summary; no line where there was none."""
    if not before:
        return []
    last = max(before.values()).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return [
        f"Another run removed {', '.join(before)} before, the last at {last}; what they left is not listed here, and "
        "stands in that run's record in .opsctl/journal."
    ]


def account_model(found: Sequence[Found], named: Names, env: str | None) -> list[dict[str, Any]]:
    """As JSON: a region each, with its environments."""
    return [
        {
            "account": place.account or None,
            "region": place.region,
            "local": not place.account,
            "bootstrap": place.bootstrap,
            "environments": [
                {
                    "name": each.environment,
                    "service": each.service,
                    "client": each.client,
                    "in_file": _key(each) in named,
                    "stacks": {name: stack.status for name, stack in each.stacks.items()},
                }
                for each in _wanted(place, env)
            ],
        }
        for place in found
    ]


def account_text(found: Sequence[Found], named: Names, env: str | None) -> str:
    """A table a region, and the command for what no file names."""
    return "\n\n".join("\n".join(_place(place, named, env)) for place in found) or "Nothing was looked at."


def _place(place: Found, named: Names, env: str | None) -> Iterator[str]:
    yield f"{f'Account {place.account}' if place.account else 'This machine'}, {place.region}:"
    rows = [
        (each.environment, each.service, each.client, str(len(each.stacks)),
         "yes" if _key(each) in named else "no", _newest(each))
        for each in _wanted(place, env)
    ]  # fmt: skip
    if not rows:
        yield "No environment of opsctl's." if env is None else f"No environment `{env}`."
    else:
        yield output.table(("ENVIRONMENT", "SERVICE", "CLIENT", "STACKS", "IN FILE", "LAST CHANGE"), rows)
    if place.bootstrap and env is None:
        yield "The account's own stack is there: opsctl-bootstrap."
    for each in _wanted(place, env):
        if _key(each) not in named:
            yield (
                f"No file here names {each.environment} of {each.service}, {each.client}: `opsctl destroy --env "
                f"{each.environment} --from-account --service {each.service} --client {each.client} --region "
                f"{place.region}` removes it, and asks first."
            )


def _wanted(place: Found, env: str | None) -> list[Holding]:
    return [each for each in place.environments if env in (None, each.environment)]


def _key(each: Holding) -> tuple[str, str, str]:
    return each.environment, each.service, each.client


def _newest(each: Holding) -> str:
    times = [stack.updated for stack in each.stacks.values() if stack.updated is not None]
    return max(times).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if times else ""
