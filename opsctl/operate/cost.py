"""A month's estimate of one environment, and its prices brought up to date. The estimate asks AWS nothing."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsctl import private
from opsctl.cost import offers, prices
from opsctl.cost.estimate import Estimate, estimate
from opsctl.cost.offers import Unanswered
from opsctl.cost.prices import Price, PriceTable
from opsctl.cost.usage import assumed
from opsctl.deploy.planning.monthly import contents
from opsctl.errors import UsageError

if TYPE_CHECKING:
    from opsctl.operate.target import Target

FILE = "prices.csv"
_MOST_BYTES = 5_000_000
_NO_QUERY = "its price list has no such entry"


def own_prices(root: Path) -> Path:
    """Where `--update` keeps what it got, unless told otherwise, and where plans and estimates find it."""
    return root / ".opsctl" / FILE


def price_table(root: Path, given: Path | None = None) -> PriceTable:
    """The table that counts: opsctl's, and over it the rows of `given`, or of the project's own where there are any."""
    path = given or own_prices(root)
    if given is None and not path.is_file():
        return prices.packaged()
    return prices.packaged().updated(_read(path))


def monthly(target: Target, table: PriceTable, *, usage: Sequence[str] = (), budget: float | None = None) -> Estimate:
    """What the environment costs a month as it is configured; nothing on this machine."""
    env, settings = target.env, target.env.observability
    limit = settings.monthly_budget if budget is None else budget
    return estimate(
        env.name, env.region, [] if target.is_local else contents(env, target.templates),
        assumed(settings.usage, usage), table, None if limit is None else Decimal(str(limit)),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refresh:
    """What `--update` got of the prices that it asked for: `changed` are other than before."""

    path: str
    asked: int
    got: int
    changed: tuple[tuple[Price | None, Price], ...]
    unanswered: tuple[Unanswered, ...]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "path": self.path,
            "asked": self.asked,
            "got": self.got,
            "changed": [
                {"item": new.item, "region": new.region, "before": old and float(old.usd), "usd": float(new.usd)}
                for old, new in self.changed
            ],
            "unanswered": [{"item": each.item, "region": each.region, "why": each.why} for each in self.unanswered],
        }


def refresh(target: Target, table: PriceTable, out: Path | None) -> Refresh:
    """Ask AWS for every price that the environment's estimate takes, and keep them beside those that the file has.

    Raises UsageError for an environment on this machine, and AwsError when AWS can't be asked at all.
    """
    if target.is_local:
        raise UsageError(
            f"{target.env.name} runs on this machine, which has no prices.", hint="Name an environment on AWS: --env E."
        )
    path = out or own_prices(target.workspace.root)
    kept = _read(path) if path.is_file() else PriceTable({})
    wanted = list(dict.fromkeys((line.item, line.region) for line in monthly(target, table).lines))
    ask = [each for each in wanted if offers.query(each[0]) is not None]
    from opsctl.aws.price_list import REGION

    client = target.aws.in_region(REGION).price_list

    def answer(wanted: tuple[str, str]) -> Price | Unanswered:
        item, region = wanted
        query = offers.query(item)
        assert query is not None
        found = client.products(query.service, query.filters(region), {"usagetype": query.usage})
        return offers.read(item, region, query, found)

    with ThreadPoolExecutor(max_workers=4, thread_name_prefix="prices") as pool:
        answers = list(pool.map(answer, ask))
    got = [each for each in answers if isinstance(each, Price)]
    _write(path, prices.write(kept.updated(PriceTable.of(got))), own=out is None)
    changed = tuple(
        (old, new) for new in got if (old := table.price(new.item, new.region)) is None or old.usd != new.usd
    )
    return Refresh(
        str(path), len(ask), len(got), changed,
        (
            *(each for each in answers if isinstance(each, Unanswered)),
            *(Unanswered(item, region, _NO_QUERY) for item, region in wanted if (item, region) not in ask),
        ),
    )  # fmt: skip


def _read(path: Path) -> PriceTable:
    with path.open("rb") as file:
        data = file.read(_MOST_BYTES)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise UsageError(f"{path} is no table of prices: it is not UTF-8.", hint="Name another file.") from None
    return prices.parse(text, str(path))


def _write(path: Path, text: str, *, own: bool) -> None:
    if own:
        private.make_folder(path.parent)
    elif not path.parent.is_dir():
        raise UsageError(
            f"{path} can't be written: there is no folder {path.parent}.", hint="Make it, or name another file."
        )
    private.replace_file(path, text.encode())
