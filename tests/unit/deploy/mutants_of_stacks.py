"""Safety lines of what takes one stack through CloudFormation; see `mutants`."""

from __future__ import annotations

from .mutants import Mutant

STACKRUN, SETTLING, REMOVAL = "deploy/stackrun/runner.py", "deploy/stackrun/settling.py", "deploy/stackrun/removal.py"
STREAM, GUARD = "deploy/stackrun/stream.py", "deploy/stackrun/guard.py"

OF_STACKS = (
    Mutant(
        STACKRUN,
        "self._write.execute_change_set(arn",
        "self._api.execute_change_set(arn",
        "no look at the lock before a change set is executed",
    ),
    Mutant(
        STACKRUN,
        "return self._write.create_change_set(",
        "return self._api.create_change_set(",
        "no look at the lock before a change set is made",
    ),
    Mutant(STACKRUN, "capabilities=template.capabilities", "capabilities=()", "no capabilities are sent"),
    Mutant(
        STACKRUN,
        "since, token = self._follower.newest(template.physical_name), self._token(template.stack)",
        'since, token = "", self._token(template.stack)',
        "a stack's whole past is read with every question",
    ),
    Mutant(
        STACKRUN,
        "        self._refuse(template, change_set, arn)\n",
        "",
        "what CloudFormation would replace is not compared with what was allowed",
    ),
    Mutant(
        GUARD,
        "if change.logical_id in consent.allow_replace:",
        "if True:",
        "losing data needs no consent",
    ),
    Mutant(
        GUARD,
        'change.replacement == "True" and change.type',
        'change.replacement == "" and change.type',
        "what CloudFormation replaces beyond the approved plan is done",
    ),
    Mutant(
        STACKRUN,
        "if (changed or overtaken) and (error := guard.unseen(plan, self._consent)) is not None:",
        "if overtaken and (error := guard.unseen(plan, self._consent)) is not None:",
        "a stack that was settled is updated in ways nobody was shown",
    ),
    Mutant(
        STACKRUN,
        "if (changed or overtaken) and (error := guard.unseen(plan, self._consent)) is not None:",
        "if changed and (error := guard.unseen(plan, self._consent)) is not None:",
        "a stack that another deploy changed meanwhile is updated in ways nobody was shown",
    ),
    Mutant(STACKRUN, "followed.stack.status not in SETTLED", "False", "a failed operation counts as done"),
    Mutant(STACKRUN, "if not _is_overtaken(error):", "if True:", "the slower of two first deploys fails"),
    Mutant(
        STACKRUN,
        "inline = len(template.body.encode()) <= INLINE_LIMIT",
        "inline = True",
        "a large template is sent in the request",
    ),
    Mutant(
        STACKRUN,
        "if template.termination_protection and not stack.termination_protection:",
        "if False:",
        "termination protection is never switched on",
    ),
    Mutant(
        SETTLING,
        "self._write.rollback(stack.name",
        "self._api.rollback(stack.name",
        "no look at the lock before a rollback",
    ),
    Mutant(
        SETTLING,
        "self._write.continue_rollback(stack.name",
        "self._api.continue_rollback(stack.name",
        "no look at the lock before a rollback is continued",
    ),
    Mutant(SETTLING, "since=self._operation_start(stack)", 'since=""', "an old failure is told as today's"),
    Mutant(
        SETTLING,
        "if ever_complete and (template.stateful or kept_resources(body)):",
        "if False:",
        "a stack that held data is deleted",
    ),
    Mutant(
        SETTLING, "if alive and not self._consent.recreate_data:", "if False:", "a database is deleted without consent"
    ),
    Mutant(
        SETTLING,
        "unused = from_start and not ever_complete",
        "unused = True",
        "a database of unknown past goes without a snapshot",
    ),
    Mutant(SETTLING, "if failed[name] in planner.STATEFUL_TYPES:", "if False:", "what holds data can be skipped"),
    Mutant(
        REMOVAL,
        "self._write.cloudformation.delete_stack(",
        "self._aws.cloudformation.delete_stack(",
        "no look at the lock before a stack is deleted",
    ),
    Mutant(
        REMOVAL,
        "self._write.rds.delete(",
        "self._aws.rds.delete(",
        "no look at the lock before a database is deleted",
    ),
    Mutant(
        REMOVAL,
        "                if not is_working(seen.status):\n",
        "                if True:\n",
        "a working database is given orders",
    ),
    Mutant(
        STACKRUN,
        "        self._lift_protections(template, state, change_set)\n",
        "",
        "a replica that is dropped stays under its protection and costs",
    ),
    Mutant(
        REMOVAL,
        "None if removal.unused or is_replica(item) else removal.snapshot(identifier)",
        "None",
        "a database goes without its last snapshot",
    ),
    Mutant(
        REMOVAL,
        "if outlives and not (removal.unused and self._was_made(removal.stack, item)):",
        "if False:",
        "buckets that are to be kept are emptied",
    ),
    Mutant(
        REMOVAL,
        " or item.logical_id not in declared:\n",
        ":\n",
        "buckets that the deployed template does not name are emptied",
    ),
    Mutant(REMOVAL, "keep_backups=snapshot is not None", "keep_backups=False", "a broken database loses its backups"),
    Mutant(
        SETTLING,
        'stack.status == "DELETE_FAILED" and not from_start',
        "False",
        "a database whose events have expired counts as empty",
    ),
    Mutant(
        SETTLING,
        "body = self._api.template(stack.id)",
        "body = template.body",
        "a bucket that the configuration dropped is emptied",
    ),
    Mutant(
        REMOVAL,
        "            self.unprotect_balancer(item.physical_id)\n        declared",
        "            pass\n        declared",
        "a protected load balancer holds its stack",
    ),
    Mutant(
        "deploy/stackrun/runner.py",
        "    return error.aws_code in _OVERTAKEN or (",
        "    return False and (",
        "a deploy that was overtaken fails",
    ),
    Mutant(
        STREAM,
        "        if error is None:\n            if self._since is not None:\n                self._since = None\n",
        "        if error is None:\n            if self._since is not None:\n",
        "short interruptions add up to a long one",
    ),
    Mutant(
        STREAM,
        "if not isinstance(error, AwsError) or not error.may_pass:",
        "if True:",
        "one throttled question ends an hour's deploy",
    ),
    Mutant(
        STREAM,
        'watch.begun = watch.begun or not watch.token or event.token in {"", watch.token}',
        "watch.begun = True",
        "late events of the operation before count as ours",
    ),
    Mutant(STREAM, "ours = watch.begun or", "ours = True or", "the status from before an operation counts as its end"),
    Mutant(STREAM, 'or status == "DELETE_COMPLETE"  #', "#", "a stack that is gone is waited for until the deadline"),
    Mutant(
        STREAM, "event.is_stack and event.status == _REVIEW", "False", "a late event of the change set ends a create"
    ),
    Mutant(REMOVAL, "item.status in _NOT_OURS or", "", "a bucket that another owns is emptied"),
    Mutant(
        REMOVAL,
        'and not any(status.startswith("IMPORT_") for status in statuses)',
        "",
        "a bucket that was taken over is emptied",
    ),
    Mutant(
        REMOVAL,
        "if removal.unused and item.logical_id in taken_over(removal.body):",
        "if False:",
        "a database that was taken over is deleted with a failed create",
    ),
    Mutant(
        REMOVAL,
        "except AwsRefusedError:\n            raise\n",
        "except ZeroDivisionError:\n            raise\n",
        "a denied deletion is tried for an hour",
    ),
)
