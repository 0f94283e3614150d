"""An approved plan as a file: what it was made from, so that a later deploy does that and nothing else.

It holds no secret: those are in it by hash. It is a note between two commands, not a permission: whoever can deploy can
write one, and whoever deploys decides whether to take it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsctl import private
from opsctl.deploy.planning.plan import Basis, Plan, Reason
from opsctl.deploy.review.values import printable
from opsctl.errors import UsageError

if TYPE_CHECKING:
    from opsctl.deploy.planning.situation import Request

FORMAT = 1
# Far more than the plan of any environment takes.
_MOST_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class PlanFile:
    """What was approved. `stacks` by name; `only` and `image_tag` as the command line asked; `tag` and `digest` of the
    image (None: none, or not built yet); `id` is the plan's own; `asks` is what it showed that needs an answer.
    """

    environment: str
    account: str
    region: str
    id: str
    stacks: Mapping[str, Basis]
    only: tuple[str, ...] = ()
    image_tag: str | None = None
    tag: str | None = None
    digest: str | None = None
    asks: tuple[Reason, ...] = ()

    @classmethod
    def of(cls, plan: Plan, account: str, region: str, request: Request) -> PlanFile:
        """The file of a plan that was just made."""
        image = plan.image
        return cls(
            plan.environment, account, region, plan.id, {stack.stack: stack.basis for stack in plan.stacks},
            request.stacks, request.image_tag, image.tag if image else None, image.digest if image else None,
            plan.reasons,
        )  # fmt: skip

    def write(self, path: Path) -> None:
        """Put it there, for nobody else to read. Raises UsageError where there is no such folder, and OSError."""
        if not path.parent.is_dir():
            raise UsageError(
                f"{path} can't be written: there is no folder {path.parent}.", hint="Make it, or name another file."
            )
        content = asdict(self)
        text = json.dumps({"opsctl_plan": FORMAT, "sha256": _digest(content), "plan": content}, indent=1)
        private.replace_file(path, text.encode() + b"\n")

    @classmethod
    def read(cls, path: Path) -> PlanFile:
        """The file as it was written. Raises UsageError for anything else, and OSError."""
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES)
        try:
            document = json.loads(data)
            version = document["opsctl_plan"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise _unusable(path, "is no plan of opsctl") from None
        if version != FORMAT:
            raise _unusable(path, f"is a plan of format {str(version)[:20]}, and this opsctl knows format {FORMAT}")
        try:
            content = document["plan"]
            if document["sha256"] != _digest(content):
                raise _unusable(path, "was changed after it was written")
            stacks = {name: Basis(**basis) for name, basis in content["stacks"].items()}
            asks = tuple(Reason(**reason) for reason in content["asks"])
            return cls(**{**content, "stacks": stacks, "only": tuple(content["only"]), "asks": asks})
        except (KeyError, TypeError, AttributeError):
            raise _unusable(path, "is damaged") from None

    def moved(self, now: PlanFile) -> Iterator[str]:
        """What is another now, in words; what needs an answer, and was not in the plan, as well.

        An image that was not built yet may be any of its tag; one that was there has to be there.
        """
        for what in ("account", "region", "tag", "digest"):
            old, new = getattr(self, what), getattr(now, what)
            if old != new and not (what == "digest" and old is None):
                is_now = "not there" if new is None else new
                yield f"the {'image ' if what in {'tag', 'digest'} else ''}{what} was {old}, and is {is_now}."
        for name in [*now.stacks, *(name for name in self.stacks if name not in now.stacks)]:
            if name not in self.stacks or name not in now.stacks:
                yield f"{name}: the stack is {'new in' if name in now.stacks else 'no more in'} the plan."
            else:
                yield from (f"{name}: {text}." for text in self.stacks[name].moved(now.stacks[name]))
        for each in now.asks:
            if each not in self.asks:
                yield printable(
                    f"{each.stack}: {each.logical_id} {each.kind}: {each.text}, which the plan did not show."
                )


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _unusable(path: Path, why: str) -> UsageError:
    return UsageError(
        f"{path} {why}, so nothing was changed.", code="bad-plan-file", hint="Write one: `opsctl diff --out FILE`."
    )
