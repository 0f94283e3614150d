"""A deploy before it happens: frozen data that can be printed, confirmed and compared with what CloudFormation says."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from opsctl.deploy.planning.compare import ResourceChange
from opsctl.deploy.planning.statuses import Action

if TYPE_CHECKING:
    from opsctl.deploy.planning.forecast import Forecast


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
        because = f" because {self.cause} changes" if self.cause else ""
        return f"{self.type} {self.logical_id} of {self.stack} would be {self.what}{because}"


@dataclass(frozen=True, slots=True)
class Consent:
    """What the person agreed to. `allow_replace` and `skip_resources` hold logical ids.

    `recreate_data` covers a half-made database; `skip_resources` are left out when a rollback that failed is continued.
    """

    allow_replace: frozenset[str] = frozenset()
    recreate_data: bool = False
    skip_resources: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class StackPlan:
    """What one stack needs. `waits_for` names stacks whose outputs are not known before they are deployed."""

    stack: str
    physical_name: str
    status: str
    action: Action
    reason: str = ""
    changes: tuple[ResourceChange, ...] = ()
    parameters: tuple[ParameterChange, ...] = ()
    waits_for: tuple[str, ...] = ()
    risks: tuple[Risk, ...] = ()

    @property
    def is_change(self) -> bool:
        """Whether executing it writes anything."""
        return self.action is not Action.UNCHANGED


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
    model of forecast.py; None where none is made.
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

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {**asdict(self), "changes": not self.is_empty}
