"""How long things took in one environment's earlier deploys, kept beside its releases: the newest of each kind."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from opsctl.config.naming import release_key

if TYPE_CHECKING:
    from opsctl.aws.s3 import S3

KEPT = 20
"""Of each kind; enough for a ninetieth percentile."""
_LONGEST = 1e6  # nothing takes that many seconds
RECORD = "durations"


@dataclass(frozen=True, slots=True)
class History:
    """`seconds` by what took them (`create AWS::RDS::DBInstance`, `step migrate`), the newest last. `ratios`: how long
    whole deploys took, as a multiple of what had been predicted when they began.
    """

    seconds: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    ratios: tuple[float, ...] = ()

    def of(self, kind: str) -> tuple[float, ...]:
        """What is known of a kind."""
        return self.seconds.get(kind, ())

    def with_deploy(self, took: Mapping[str, Sequence[float]], ratio: float | None) -> History:
        """With one more deploy; `ratio` is None for one whose length says nothing, such as one that failed."""
        kinds = {kind: (*self.of(kind), *more)[-KEPT:] for kind, more in took.items() if more}
        ratios = self.ratios if ratio is None else (*self.ratios, ratio)[-KEPT:]
        return replace(self, seconds={**self.seconds, **kinds}, ratios=ratios)

    def to_json(self) -> bytes:
        """As it is kept, in tenths of seconds."""
        seconds = {kind: [round(each, 1) for each in took] for kind, took in sorted(self.seconds.items())}
        return json.dumps({"seconds": seconds, "ratios": [round(each, 3) for each in self.ratios]}, indent=1).encode()


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of what comes next is expected not to exceed, by what came before; the
    largest where there are too few to tell. Raises ValueError without any.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values")
    return ordered[min(len(ordered), math.ceil((len(ordered) + 1) * share)) - 1]


def read_history(store: S3, bucket: str, folder: str) -> History:
    """What is kept; an empty one where there is none, or none that can be read. Raises AwsError."""
    stored = store.get(bucket, release_key(folder, RECORD))
    try:
        return _parsed(json.loads(stored.body)) if stored is not None else History()
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return History()


def _parsed(content: Mapping[str, Mapping[str, Sequence[float]]]) -> History:
    seconds = {str(kind): _numbers(took) for kind, took in content["seconds"].items()} if "seconds" in content else {}
    ratios = content.get("ratios", ())
    return History(seconds, _numbers(ratios if isinstance(ratios, list) else ()))


def _numbers(values: Sequence[object]) -> tuple[float, ...]:
    """Whoever may write the bucket may write anything there: only sound numbers count."""
    found = [float(each) for each in values if isinstance(each, int | float) and not isinstance(each, bool)]
    return tuple(each for each in found if 0 < each < _LONGEST)[-KEPT:]


def write_history(store: S3, bucket: str, folder: str, history: History) -> None:
    """Keep it. Raises AwsError."""
    store.put(bucket, release_key(folder, RECORD), history.to_json())
