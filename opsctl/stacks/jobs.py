"""What prepares the database before a release serves: its roles, by the DbInit function, and the `migrate` task."""

from __future__ import annotations

from troposphere import Ref

from opsctl.config.models import Environment
from opsctl.stacks.model import StackTemplate
from opsctl.stacks.parts.base import StackBuilder
from opsctl.stacks.parts.db_init import database_roles
from opsctl.stacks.parts.tasks import TaskSpec, task


def build(env: Environment) -> StackTemplate:
    """The jobs stack. Output: MigrateTaskDefinitionArn."""
    stack = StackBuilder(env, "jobs")
    database_roles(stack)
    _migrate(stack)
    # Function and task call AWS from private subnets.
    return stack.finish(after=("egress",))


def _migrate(stack: StackBuilder) -> None:
    """Run by `opsctl deploy` before the service changes, as the one role that may change the schema."""
    migrate = task(
        stack,
        TaskSpec(
            name="Migrate",
            container="migrate",
            command=("python", "manage.py", "migrate", "--no-input"),
            cpu=256,
            memory=512,
            database_user=stack.env.rds.roles.migrator,
            allowed_hosts="localhost",  # it answers nobody
            log_group="JobsLogGroupName",
            # The tail of its log is what a failed deploy shows: better late than missing.
            log_mode="blocking",
            # A migration that is told to stop gets as long as Fargate gives. [API ContainerDefinition]
            stop_timeout=120,
        ),
    )
    stack.output("MigrateTaskDefinitionArn", Ref(migrate.definition), "Task definition of the migrations")
