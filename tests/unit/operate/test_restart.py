"""A restart whose new tasks don't come up is told by their log, as a deploy's rollout is."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import pytest

from opsctl.aws.ecs import Task
from opsctl.deploy.events import Event, StepFinished
from opsctl.deploy.failures import StackFailedError
from opsctl.deploy.lock import Run
from opsctl.deploy.planning.state import RemoteState
from opsctl.operate.restart import roll_out
from tests.unit.deploy.fakes import START, Operation, template
from tests.unit.deploy.test_deployment_aws import SERVICE
from tests.unit.deploy.world import ENV, World

BREAKER = "Resource handler returned message: \"Error occurred during operation 'ECS Deployment Circuit Breaker'.\""


def test_a_restart_that_fails_names_what_its_task_wrote() -> None:
    world, events = World(on="aws"), list[Event]()
    world.deploy()
    aws = world.aws
    api = aws.cloudformation
    api.types["Service"] = "AWS::ECS::Service"
    parameters = {"ServiceRollout": "0.1"}
    api.put(template("app", SERVICE), "CREATE_COMPLETE", parameters=parameters, outputs={"ServiceName": "dev-salaries"})
    api.script["execute:UPDATE"] = [
        Operation(["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"], [("Service", "UPDATE_FAILED", BREAKER)])
    ]
    aws.ecs.stopped = [Task("task/1", "STOPPED", "EssentialContainerExited", "", 3, "", "app:1", created=START)]
    aws.logs.lines = ("the cache server is unknown",)
    stacks = {name.removeprefix("dev-"): stack for name, stack in api.stacks_by_name.items()}
    state = RemoteState(stacks, {"app": SERVICE})
    target: Any = SimpleNamespace(env=ENV, aws=aws, poll_seconds=0.0, is_local=False)
    lock: Any = nullcontext()
    lock.ensure = lambda: None
    with pytest.raises(StackFailedError) as caught:
        roll_out(target, state, {"web": "0.2"}, events.append, lock, Run("r", "ann", "opsctl restart"), text="restart")
    assert "the cache server is unknown (task 1, exit code 3)" in caught.value.message
    assert "`opsctl deploy --env dev`" in caught.value.hint
    assert [event.outcome for event in events if isinstance(event, StepFinished)] == ["failed"]
    assert cast("Any", api.stacks_by_name["dev-app"]).status == "UPDATE_ROLLBACK_COMPLETE"
