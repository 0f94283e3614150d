"""What prepares the database before a release serves: roles by the DbInit function, the task of a release."""

from __future__ import annotations

from troposphere import Ref

from opsctl.config.models import Environment
from opsctl.stacks.model import StackTemplate
from opsctl.stacks.parts.base import StackBuilder
from opsctl.stacks.parts.db_init import database_roles
from opsctl.stacks.parts.tasks import task


def build(env: Environment) -> StackTemplate:
    """The jobs stack. Output: MigrateTaskDefinitionArn."""
    stack = StackBuilder(env, "jobs")
    database_roles(stack)
    _release(stack)
    # Function and task call AWS from private subnets.
    return stack.finish(after=("egress",))


def _release(stack: StackBuilder) -> None:
    """Run by `opsctl deploy` before the service changes, as the one role that may change the schema."""
    made = task(stack, "release")
    stack.output("MigrateTaskDefinitionArn", Ref(made.definition), "Task definition of what runs before a release")
