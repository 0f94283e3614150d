"""A deploy before it happens: frozen data that can be printed, confirmed and compared with what CloudFormation says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from opsctl.deploy.planning.compare import ResourceChange
from opsctl.deploy.planning.statuses import Action
from opsctl.deploy.review.effects import UNNOTICED
from opsctl.deploy.review.values import UNKNOWN, printable

if TYPE_CHECKING:
    from opsctl.cost.difference import CostChange
    from opsctl.deploy.planning.forecast import Forecast
    from opsctl.deploy.review.access import AccessChange
    from opsctl.deploy.review.changes import PropertyChange
    from opsctl.deploy.review.effects import Interruption
    from opsctl.deploy.review.losses import Loss


@dataclass(frozen=True, slots=True)
class ParameterChange:
    """A parameter whose value differs; None stands for one that is not there, `?` for one not known yet."""

    name: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Risk:
    """Replacing or deleting something that holds data."""

    stack: str
    logical_id: str
    type: str
    what: Literal["replaced", "perhaps replaced", "deleted"]
    cause: str

    def text(self) -> str:
        """One sentence for a person."""
        changes = "" if self.what == "deleted" else " changes"  # of a deletion the cause is a sentence
        because = f" because {self.cause}{changes}" if self.cause else ""
        return f"{self.type} {self.logical_id} of {self.stack} would be {self.what}{because}"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a person is asked first: something gets wider, is replaced, is interrupted, or less is kept of it."""

    stack: str
    logical_id: str
    kind: Literal["wider", "replaced", "interrupted", "lost"]
    text: str


@dataclass(frozen=True, slots=True)
class Consent:
    """What the person agreed to. `allow_replace` and `skip_resources` hold logical ids.

    `recreate_data` covers a half-made database; `skip_resources` are left out when a rollback that failed is continued.
    `approved` are the reasons that were shown and agreed to; None: whatever there is. `basis`, by stack: what an
    approved plan was made from, which has to be there still.
    """

    allow_replace: frozenset[str] = frozenset()
    recreate_data: bool = False
    skip_resources: frozenset[str] = frozenset()
    approved: frozenset[Reason] | None = None
    basis: Mapping[str, Basis] | None = None

    def unseen(self, reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
        """Of these reasons those that nobody agreed to; what may be replaced by name is agreed to."""
        if self.approved is None:
            return ()
        return tuple(each for each in reasons if each not in self.approved and not self._named(each))

    def may_replace(self, stack: str, logical_id: str) -> bool:
        """Whether the replacement of this resource was agreed to."""
        if self.approved is None or logical_id in self.allow_replace:
            return True
        return any(
            (each.stack, each.logical_id, each.kind) == (stack, logical_id, "replaced") for each in self.approved
        )

    def _named(self, reason: Reason) -> bool:
        return reason.kind == "replaced" and reason.logical_id in self.allow_replace


@dataclass(frozen=True, slots=True)
class Basis:
    """What a stack's plan was made from: its template by SHA-256, its parameters (`sha256:…` for a secret, `?` for one
    that is not known yet), its tags, and the stack as it was seen.
    """

    template: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    status: str = ""
    updated: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    def moved(self, now: Basis) -> Iterator[str]:
        """What is another now, in words. A parameter that was not known yet may be anything."""
        if self.template != now.template:
            yield f"its template was {self.template[:12]}…, and is {now.template[:12]}…"
        for name in sorted({*self.tags, *now.tags}):
            if self.tags.get(name) != now.tags.get(name):
                was, now_is = (printable(each.tags.get(name, "not there")) for each in (self, now))
                yield f"tag {printable(name)} was {was}, and is {now_is}"
        for name in sorted({*self.parameters, *now.parameters}):
            old, new = self.parameters.get(name), now.parameters.get(name)
            if UNKNOWN not in {old, new} and old != new:
                was, now_is = (printable(text or "not there") for text in (old, new))
                yield f"parameter {name} was {was}, and is {now_is}"
        if (self.status, self.updated) != (now.status, now.updated):
            seen = (" of ".join(filter(None, (each.status, each.updated))) or "not there" for each in (self, now))
            yield "the stack was {}, and is {}".format(*seen)


@dataclass(frozen=True, slots=True)
class StackPlan:
    """What one stack needs. `waits_for` names stacks whose outputs are not known before they are deployed.

    `properties`, `access`, `interruptions` and `losses` tell of an update what it changes, in full; of a create there
    is nothing to compare with.
    """

    stack: str
    physical_name: str
    status: str
    action: Action
    reason: str = ""
    changes: tuple[ResourceChange, ...] = ()
    parameters: tuple[ParameterChange, ...] = ()
    waits_for: tuple[str, ...] = ()
    risks: tuple[Risk, ...] = ()
    properties: tuple[PropertyChange, ...] = ()
    access: tuple[AccessChange, ...] = ()
    interruptions: tuple[Interruption, ...] = ()
    losses: tuple[Loss, ...] = ()
    basis: Basis = Basis()

    @property
    def is_change(self) -> bool:
        """Whether executing it writes anything."""
        return self.action is not Action.UNCHANGED

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why a person is asked before this stack is updated. A create, and a new image alone, need no question."""
        return tuple(self._reasons())

    def _reasons(self) -> Iterator[Reason]:
        for right in self.access:
            if right.direction == "wider":
                yield Reason(self.stack, right.logical_id, "wider", right.text)
        replaced = set()
        for change in self.changes:
            if change.replacement != "no" and change.type not in UNNOTICED:
                replaced.add(change.logical_id)
                how = "replaced" if change.replacement == "yes" else "perhaps replaced"
                yield Reason(self.stack, change.logical_id, "replaced", f"{how}: {', '.join(change.causes)}")
        for each in self.interruptions:
            if each.interrupts and each.logical_id not in replaced:
                yield Reason(self.stack, each.logical_id, "interrupted", each.text)
        for loss in self.losses:
            yield Reason(self.stack, loss.logical_id, "lost", loss.text)


@dataclass(frozen=True, slots=True)
class ImagePlan:
    """Which image the release runs. `digest` is None while it has to be built or tagged first; `uri` has it as soon as
    it is known; `account` has the repository. `signs`: it was built here, and carrying the plan out signs it.
    """

    account: str
    repository: str
    tag: str
    digest: str | None
    build: bool
    uri: str | None
    signs: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything one deploy would do, in order. `secrets`: some have to be generated or derived; `record`: an earlier
    deploy ended before its release record; `signature`: the one of the image that runs is not kept as long as that.

    `notes` are sentences about what the configuration alone would not lead one to expect; `problems`, about what AWS
    would refuse, so that the plan must not be executed. `expected`: how long making its new stacks takes on AWS, by the
    model of forecast.py; None where none is made. `cost`: what it changes of a month's bill; None where nothing can.
    """

    environment: str
    stacks: tuple[StackPlan, ...]
    image: ImagePlan | None = None
    migrate: bool = False
    secrets: bool = False
    record: bool = False
    signature: bool = False
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    expected: Forecast | None = None
    cost: CostChange | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        more = self.migrate or self.secrets or self.record or self.signature
        return not more and not any(stack.is_change for stack in self.stacks)

    def changes(self) -> dict[str, dict[str, Any]]:
        """For records: of each stack that changes what is done, and the names of parameters that get another value."""
        return {
            stack.stack: {"action": stack.action.value, "parameters": [each.name for each in stack.parameters]}
            for stack in self.stacks
            if stack.is_change
        }

    @property
    def risks(self) -> tuple[Risk, ...]:
        """What needs `--allow-replace`."""
        return tuple(risk for stack in self.stacks for risk in stack.risks)

    @property
    def refused(self) -> tuple[StackPlan, ...]:
        """Stacks in a state that opsctl does not touch."""
        return tuple(stack for stack in self.stacks if stack.action is Action.REFUSE)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why a person is asked before this is deployed to AWS; nothing needs asking where there are none."""
        return tuple(reason for stack in self.stacks for reason in stack.reasons)

    @property
    def id(self) -> str:
        """Names this plan: the same for two plans of the same state, another once anything of it moved.

        128 bits: who writes a configuration must not find two with one id, of which the harmless one is shown.
        """
        model = asdict(self)
        for key in ("notes", "problems", "expected", "cost"):  # words about it, which may differ each time
            del model[key]
        if model["image"]:
            del model["image"]["signs"]  # says who built it, and so differs from one machine to the next
        return hashlib.sha256(json.dumps(model, sort_keys=True).encode()).hexdigest()[:32]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        asks = [asdict(reason) for reason in self.reasons]
        return {**asdict(self), "changes": not self.is_empty, "id": self.id, "asks": asks}
