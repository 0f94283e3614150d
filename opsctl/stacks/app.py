"""What runs: the web with its scaling and alarms, workers, jobs. Its address is the front stack's."""

from __future__ import annotations

from opsctl.config.models import Environment
from opsctl.stacks.model import StackTemplate
from opsctl.stacks.parts.base import StackBuilder
from opsctl.stacks.parts.job import job
from opsctl.stacks.parts.scaling import autoscaling
from opsctl.stacks.parts.service_alarms import service_alarms
from opsctl.stacks.parts.web_service import web_service
from opsctl.stacks.parts.worker import worker


def build(env: Environment) -> StackTemplate:
    """The app stack. Outputs: ServiceName, and `<Name>TaskDefinitionArn` of each job.

    After jobs: the database has its roles, and the release's migrations ran.
    """
    stack = StackBuilder(env, "app")
    service = web_service(stack)
    autoscaling(stack, service)
    service_alarms(stack, service)
    for name in env.application.workers:
        worker(stack, name)
    for name in env.application.jobs:
        job(stack, name)
    return stack.finish(after=("jobs",))
