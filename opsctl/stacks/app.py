"""The running service: ECS service, scaling, alarms; and the dataset refresh. Its address is the front stack's."""

from __future__ import annotations

from opsctl.config.models import Environment
from opsctl.stacks.model import StackTemplate
from opsctl.stacks.parts.base import StackBuilder
from opsctl.stacks.parts.refresh import dataset_task, schedule
from opsctl.stacks.parts.scaling import autoscaling
from opsctl.stacks.parts.service_alarms import service_alarms
from opsctl.stacks.parts.web_service import web_service


def build(env: Environment) -> StackTemplate:
    """The app stack. Outputs: ServiceName, DatasetTaskDefinitionArn.

    After jobs: the database has its roles, and the release's migrations ran.
    """
    stack = StackBuilder(env, "app")
    service = web_service(stack)
    autoscaling(stack, service)
    service_alarms(stack, service)
    refresh = dataset_task(stack)
    if env.ecs.dataset_schedule is not None:
        schedule(stack, refresh, env.ecs.dataset_schedule)
    return stack.finish(after=("jobs",))
