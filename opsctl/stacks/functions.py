"""The DbInit function, which makes the database roles. Rotation's function is made by the macro in upkeep.

A stack of its own, since Lambda takes minutes to attach a function to a VPC: it is made beside the database, which
takes minutes as well.
"""

from __future__ import annotations

from opsctl.config.models import Environment
from opsctl.stacks.model import StackTemplate
from opsctl.stacks.parts.base import StackBuilder
from opsctl.stacks.parts.db_init import db_init_function


def build(env: Environment) -> StackTemplate:
    """The functions stack. Outputs: DbInitFunctionArn, DbInitFunctionName, DbInitRoleName, DbInitBundleKey."""
    stack = StackBuilder(env, "functions")
    db_init_function(stack)
    return stack.finish()
