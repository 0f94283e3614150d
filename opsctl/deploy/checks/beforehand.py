"""What AWS would refuse minutes into a plan, as far as it can be told now: which checks are asked, and of what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from opsctl.aws.errors import AwsError
from opsctl.deploy.checks import brought_along
from opsctl.deploy.checks.architecture import image_problems
from opsctl.deploy.checks.database_class import class_problems
from opsctl.deploy.checks.records import record_problems
from opsctl.deploy.checks.replicas import read_problems, replicas_of
from opsctl.deploy.checks.upgrade import reminders, version_problems
from opsctl.deploy.planning.statuses import Action, action_for

if TYPE_CHECKING:
    from opsctl.aws.session import Aws
    from opsctl.config.models import Environment
    from opsctl.deploy.planning.plan import ImagePlan
    from opsctl.deploy.planning.state import RemoteState
    from opsctl.deploy.review.effects import Interruption
    from opsctl.stacks.model import StackTemplate


class Beforehand:
    """The questions for one plan on AWS. `notes` say which of them nobody could answer, and what an upgrade needs."""

    def __init__(
        self,
        env: Environment,
        aws: Aws,
        state: RemoteState,
        selected: Sequence[StackTemplate],
        *,
        account: Callable[[], str],
    ) -> None:
        self._env = env
        self._account = account
        self._aws = aws
        self._state = state
        self._wanted: Mapping[str, str] = {template.stack: template.body for template in selected}
        self._selected = selected
        self.notes: list[str] = []
        self.interruptions: tuple[Interruption, ...] = ()

    def problems(self, image: ImagePlan | None) -> tuple[str, ...]:
        """Sentences about what would be refused."""
        return (
            *self.of_origin(),
            *record_problems(self._selected, self._state.bodies),
            *self._of_database(),
            *self._of_image(image),
        )

    def of_origin(self) -> tuple[str, ...]:
        """Whether a database that comes from elsewhere can, and still does. `interruptions` tells what that stops."""
        wanted = self._wanted.get("data")
        if wanted is None:
            return ()
        deployed = self._in_force("data")
        if deployed or not self._env.rds.brought_along:
            return brought_along.kept_problems(deployed, wanted)
        try:
            found = brought_along.read(self._env, self._aws.rds)
        except AwsError as error:
            return (f"The database that {self._env.name} starts from can't be read: {error.message}",)
        if found is not None:
            self.notes += brought_along.notes(self._env, found)
            self.interruptions = brought_along.interruptions(self._env, found)
        return brought_along.problems(self._env, found, self._state.outputs("network"), self._account())

    def _of_image(self, image: ImagePlan | None) -> tuple[str, ...]:
        """Whether the image that stays can run where tasks are to run."""
        deployed = self._state.parameter("app", "ImageUri")
        try:
            return image_problems(image, deployed, self._in_force("app"), self._wanted.get("app", ""), self._aws.ecr)
        except AwsError as error:
            self.notes.append(f"Not checked beforehand (image): {error.message}")
            return ()

    def _of_database(self) -> tuple[str, ...]:
        """What RDS would refuse of database and replica as configured. Asked when these change only."""
        wanted = {name: body for name, body in self._wanted.items() if name in {"data", "upkeep"}}
        if not wanted:
            return ()
        deployed = {name: self._in_force(name) for name in wanted}
        found: list[str] = []
        host = self._state.parameter("app", "ReplicaHost")
        for name, body in wanted.items():  # the first opsctl had the replica in data
            found += read_problems(deployed[name], body, host, self._env.name)
        try:
            if "data" in wanted:
                found += self._of_version(deployed["data"], wanted["data"])
            found += class_problems(self._env, [*deployed.values()], [*wanted.values()], self._aws.account)
        except AwsError as error:
            self.notes.append(f"Not checked beforehand (database): {error.message}")
        return tuple(dict.fromkeys(found))

    def _of_version(self, deployed: str, wanted: str) -> tuple[str, ...]:
        if self._env.rds.allow_major_version_upgrade:
            self.notes += reminders(deployed, wanted)
        identifier = self._state.outputs("data").get("DatabaseIdentifier")
        if identifier is None:
            return ()
        replica = any(replicas_of(self._in_force(name)) for name in ("data", "upkeep"))
        return version_problems(deployed, wanted, identifier, self._aws.account, replica=replica)

    def _in_force(self, name: str) -> str:
        """The template that a stack was deployed from; "" where it has to be made, or made again."""
        stack = self._state.stacks.get(name)
        made = stack is None or action_for(stack.status) in {Action.CREATE, Action.RECREATE}
        return "" if made else self._state.bodies.get(name, "")
