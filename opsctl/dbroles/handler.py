"""The DbInit Lambda: the custom resource of the jobs stack, and `opsctl db init|status|rotate` on AWS by direct call.

A custom-resource event always gets an answer in under a minute: everything that can fail or hang runs inside a
bounded call, imports included, so that a wheel for the wrong architecture also ends as FAILED with its reason. Nothing
secret is logged; the event itself, whose response URL is signed, isn't either.

Budget in seconds, for a function time-out of 120 and a ServiceTimeout of 180: 46 of work, 49 until it is given up,
then at most 9 for the answer.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, cast

from opsctl.dbroles.bounded import UnfinishedError, run_bounded
from opsctl.dbroles.errors import AnswerNotDeliveredError, BadEventError, DbRolesError, OutOfTimeError
from opsctl.dbroles.protocol import build_answer, deliver, read_request_type

if TYPE_CHECKING:
    from opsctl.dbroles.connection import Refusals

WORK_SECONDS = 46.0
GIVE_UP_AFTER = 3.0
ANSWER_SECONDS = 9.0

Action = Literal["init", "check", "status", "rotate"]
Work = Callable[[Action, Mapping[str, object], float], dict[str, object]]

_log = logging.getLogger("opsctl.dbroles")
_log.setLevel(logging.INFO)


class Context(Protocol):
    """What is used of Lambda's context object."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function is killed."""
        ...


def handler(event: Mapping[str, object], context: Context) -> dict[str, object]:
    """Entry point. A direct invocation returns its report, or {"error": {code, message, hint}}."""
    return handle(event, context, work=do_work)


def handle(event: Mapping[str, object], context: Context, *, work: Work) -> dict[str, object]:
    """`handler` with the work as an argument, so that tests can let it hang or break."""
    seconds = _work_seconds(context)
    if isinstance(event, Mapping) and "Action" in event and "RequestType" not in event:
        return _answer_directly(event, seconds, work)
    return _answer_stack(event if isinstance(event, Mapping) else {}, seconds, work)


def do_work(action: Action, properties: Mapping[str, object], seconds: float) -> dict[str, object]:
    """Act on the properties of the resource; the report as plain data. Raises DbRolesError, or anything at all."""
    # Imported here, inside the bounded call: a failing import is a failure with a reason like any other.
    from opsctl.dbroles import service
    from opsctl.dbroles.connection import MasterOpener
    from opsctl.dbroles.deadline import Deadline
    from opsctl.dbroles.model import RoleModel
    from opsctl.dbroles.settings import ConnectionSettings

    roles = properties.get("Roles")
    if not isinstance(roles, Mapping):
        raise BadEventError("The event has no map Roles.", hint="Set Roles on the custom resource and deploy again.")
    model = RoleModel.from_mapping(cast(Mapping[str, object], roles))
    settings = ConnectionSettings.from_properties(properties, os.environ, Path(__file__).parents[2])
    deadline = Deadline(seconds)
    opener = MasterOpener(settings, refusals=_refusals())
    if action == "rotate":
        return service.rotate(settings, model, deadline=deadline, opener=opener).to_dict()
    if action == "status":
        return service.status(settings, model, deadline=deadline, opener=opener).to_dict()
    return service.initialize(settings, model, check=action == "check", deadline=deadline, opener=opener).to_dict()


@cache
def _refusals() -> Refusals:
    """Lambda keeps the process between calls, and with it what is remembered here."""
    from opsctl.dbroles.connection import Refusals

    return Refusals()


def _work_seconds(context: Context) -> float:
    """Seconds for the work; less than usual when the function was given less time."""
    try:
        left = context.get_remaining_time_in_millis() / 1000
    except Exception:
        return WORK_SECONDS
    return max(1.0, min(WORK_SECONDS, left - GIVE_UP_AFTER - ANSWER_SECONDS))


def _attempt(action: Action, event: Mapping[str, object], seconds: float, work: Work) -> dict[str, object]:
    """The work, with every way to fail turned into a DbRolesError."""
    properties = event.get("ResourceProperties")
    if not isinstance(properties, Mapping):
        raise BadEventError("The event has no ResourceProperties.", hint="Call the function as CloudFormation does.")
    try:
        return run_bounded(lambda: work(action, properties, seconds), seconds + GIVE_UP_AFTER)
    except UnfinishedError:
        raise OutOfTimeError(
            f"The database roles were not done within {seconds + GIVE_UP_AFTER:.0f} s; what was begun is rolled back.",
            hint="Check name resolution and routes from the function's subnets to the database, then deploy again.",
        ) from None
    except DbRolesError:
        raise
    except ImportError as error:
        raise DbRolesError(
            f"The function's bundle can't be loaded ({type(error).__name__} of {error.name or 'a library'}).",
            hint="Build the bundle for the function's runtime and architecture, then deploy again.",
            code="bad-bundle",
        ) from None
    except Exception as error:
        # The words of an unforeseen error may hold anything, so only its kind is told, and the place is logged.
        _log.error("unforeseen %s at %s", type(error).__name__, _place(error))
        raise DbRolesError(
            f"opsctl failed in an unforeseen way ({type(error).__name__} at {_place(error)}).",
            hint="Report this with the function's log.",
            code="unforeseen",
        ) from None


def _place(error: BaseException) -> str:
    """File and line where the error was raised."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "an unknown place"


def _answer_directly(event: Mapping[str, object], seconds: float, work: Work) -> dict[str, object]:
    action = event.get("Action")
    try:
        if action not in ("init", "check", "status", "rotate"):
            raise BadEventError(f"There is no action {str(action)[:40]!r}.", hint="Use init, check, status or rotate.")
        report = _attempt(action, event, seconds, work)
    except DbRolesError as error:
        _log.info("%s failed: %s %s", str(action)[:40], error.code, error.reason())
        return {"error": error.to_dict()}
    _log.info("%s: %s", action, report.get("summary", "done"))
    return report


def _answer_stack(event: Mapping[str, object], seconds: float, work: Work) -> dict[str, object]:
    """Do what the stack asks and deliver the answer. Raises AnswerNotDeliveredError, so that Lambda counts an error."""
    try:
        kind = read_request_type(event)
        if kind == "Delete":
            # Roles own data and outlive the stack's resource; a deletion that needed the database could also hang.
            answer = build_answer(event, "SUCCESS", "The roles stay; deleting this resource changes nothing.", {})
        else:
            report = _attempt("init", event, seconds, work)
            summary = str(report.get("summary", ""))
            answer = build_answer(event, "SUCCESS", summary, {"Summary": summary, "Digest": str(report.get("digest"))})
    except DbRolesError as error:
        _log.info("failed: %s", error.code)
        answer = build_answer(event, "FAILED", error.reason(), {})
    _log.info("%s: %s", answer.status, answer.reason)
    try:
        run_bounded(lambda: deliver(event.get("ResponseURL"), answer), ANSWER_SECONDS)
    except UnfinishedError:
        raise AnswerNotDeliveredError(
            "CloudFormation's response address did not take the answer in time.",
            hint="Check that the subnets reach S3; the stack waits until ServiceTimeout.",
        ) from None
    return {"Status": answer.status, "Reason": answer.reason, "PhysicalResourceId": answer.physical_id}
