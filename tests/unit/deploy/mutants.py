"""Safety lines of the deploy engine, and what each looks like when it is broken.

A mutant is one line of one module written wrong. `test_mutants` breaks them one at a time and expects the engine's unit
tests to notice. When a line moves, its entry moves with it: an entry whose text is not there fails as well.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """`old` stands once in `module` (below opsctl/) and becomes `new`; `breaks` says what is lost."""

    module: str
    old: str
    new: str
    breaks: str


DEPLOYMENT, STEPS = "deploy/deployment.py", "deploy/steps.py"
LOCK = "deploy/lock.py"
SITUATION = "deploy/planning/situation.py"
BEFOREHAND = "deploy/checks/beforehand.py"
ROLLBACK = "deploy/rollback.py"
TASKS, DESTROY, GRAPH, PLANNER = "deploy/tasks.py", "deploy/destroy.py", "deploy/graph.py", "deploy/planning/planner.py"

OF_DEPLOYS = (
    Mutant(DEPLOYMENT, "            self._refuse_moved(selected)\n", "", "what came between is not looked for"),
    Mutant(
        DESTROY,
        "return stack.id, stack.updated, stack.termination_protection",
        "return stack.id, stack.updated",
        "what was protected meanwhile is removed",
    ),
    Mutant(
        STEPS,
        "                self.lock.ensure()\n\n        return check",
        "                pass\n\n        return check",
        "no look at the lock before a stack",
    ),
    Mutant(
        STEPS,
        "            if self.lock is not None:\n                self.lock.ensure()\n            image = ",
        "            image = ",
        "no look at the lock before migrations",
    ),
    Mutant(
        DEPLOYMENT,
        "            preflight(self._env, self._aws.account, self._emit, [records])\n",
        "            pass\n",
        "the account is not asked whether it can take the environment",
    ),
    Mutant(
        DEPLOYMENT,
        "self._emit, [records])\n",
        "self._emit)\n",
        "a name that leads elsewhere fails its stack minutes later",
    ),
    Mutant(
        DEPLOYMENT,
        "                self._situation.read_again()\n",
        "                pass\n",
        "what happened between plan and lock is not seen",
    ),
    Mutant(PLANNER, 'after = (*after, "migrate")', "pass", "the service does not wait for its migrations"),
    Mutant(PLANNER, 'after = (*after, "image")', "pass", "the jobs do not wait for their image"),
    Mutant(
        STEPS,
        "if migrates and wanted and wanted <= self.releases.applied(self.database()):",
        "if True:",
        "migrations are never run",
    ),
    Mutant(
        "deploy/release.py",
        "        elif there != digest:\n",
        "        elif False:\n",
        "a release is recorded though another image holds its tag",
    ),
    Mutant(
        DEPLOYMENT,
        "                rollback.ensure(self._aws.s3, bucket, self._env, self._do.releases.last)\n",
        "                pass\n",
        "a rollback is carried out though another release came in between",
    ),
    Mutant(
        STEPS,
        "            self.releases.migrating(self.database(), image.migrations, image.verdicts)\n",
        "",
        "migrations of a deploy that fails are forgotten",
    ),
    Mutant(ROLLBACK, "if last is None or last.number != self.seen:", "if False:", "an outdated rollback goes on"),
    Mutant(
        ROLLBACK,
        "    if attempt is not None and attempt.after ==",
        "    if False and attempt.after ==",
        "a deploy that failed is no obstacle",
    ),
    Mutant(ROLLBACK, "    if blind:\n", "    if False:\n", "an image that tells nothing is no obstacle"),
    Mutant(
        ROLLBACK,
        "    unknown = sorted(",
        "    unknown = sorted(set()) and sorted(",
        "a migration that nobody judged is no obstacle",
    ),
    Mutant(
        ROLLBACK,
        "is not None and origin < place:",
        "is None and origin < place:",
        "a second rollback goes to what was rolled back from",
    ),
    Mutant(
        LOCK,
        "while not self._lost and not self._stop.wait(self._renew_seconds):",
        "while False:",
        "the lease is never renewed",
    ),
    Mutant(
        LOCK,
        "not self._lost and self._clock() > self._expires:",
        "False:",
        "a lease of the lock that ran out still counts",
    ),
    Mutant(
        LOCK, "        if held.left(self._server_time()) <= 0:\n", "        if False:\n", "a lock that ran out is kept"
    ),
    Mutant(LOCK, "        if not held.is_orphan:\n", "        if False:\n", "a lock of another machine is taken"),
    Mutant(
        LOCK,
        "            self._leave()\n            raise\n        return self",
        "            raise\n        return self",
        "a signal leaves the lock behind while it is taken",
    ),
    Mutant(
        LOCK,
        "    def _server_time(self) -> float:\n        return self._clock() + self._store.ahead",
        "    def _server_time(self) -> float:\n        return self._clock()",
        "the lock is written in one's own time",
    ),
    Mutant(
        "deploy/lease.py",
        "LEASE_SECONDS - self.age if self.age is not None else",
        "",
        "the age of a lock is told by one's own clock",
    ),
    Mutant(
        DEPLOYMENT,
        "                plan = self._situation.plan()\n                review(plan)\n",
        "                pass\n",
        "who waited for the lock does what was planned before",
    ),
    Mutant(LOCK, "                self._lost = True\n", "", "a lease that was taken over still counts"),
    Mutant(
        LOCK,
        "if held is not None and held.lease.id == self._lease.id:\n            self._store.delete",
        "if held is not None:\n            self._store.delete",
        "somebody else's lease is given back",
    ),
    Mutant(
        LOCK,
        "if held is not None and held.lease.id != self._lease.id and not self._is_free(held):",
        "if False:",
        "a held lock is taken",
    ),
    Mutant(DESTROY, "if running.is_gone:", "if False:", "a stack that somebody else deletes is deleted again"),
    Mutant(
        TASKS,
        "if task.task_definition == request.task_definition",
        "if True",
        "a task of another release stands for this one's",
    ),
    Mutant(
        TASKS,
        "elif self._clock() - watch.known >= _UNKNOWN_SECONDS:",
        "else:",
        "a task that ECS does not know yet counts as failed",
    ),
    Mutant(
        TASKS,
        "at_end, watch.token = page.token == watch.token, page.token",
        "at_end, watch.token = not page.lines, page.token",
        "an empty page ends a log",
    ),
    Mutant(TASKS, "        if not ended.succeeded:\n", "        if False:\n", "a failed task counts as done"),
    Mutant(
        DESTROY,
        "                    self._before_write()\n",
        "",
        "no look at the lock before a task is stopped",
    ),
    Mutant(
        DESTROY,
        "        if name in _HELD_BY_TASKS and self._cluster:\n            self._stop_tasks(name)\n",
        "",
        "running tasks hold the network that is to go",
    ),
    Mutant(DESTROY, '    "functions": ("jobs",),\n', "", "the function goes before its resource has got its answer"),
    Mutant(
        DESTROY,
        "            self._aws.functions.wake(self._function, self._follower.pause)\n",
        "            pass\n",
        "a function that sleeps keeps its stack from going",
    ),
    Mutant(
        STEPS,
        "                self._wake_functions()\n",
        "                pass\n",
        "a sleeping function is not woken",
    ),
    Mutant(
        STEPS,
        "        self._before_stack(template)()\n",
        "",
        "code is uploaded without a look at the lock",
    ),
    Mutant(
        STEPS,
        "and context[BUNDLE_VERSION] is None:",
        "and False:",
        "what lies under the function's key is taken on trust",
    ),
    Mutant(
        SITUATION,
        'self.deployed("functions", "DbInitBundleVersion") if same else None',
        'self.deployed("functions", "DbInitBundleVersion")',
        "other code is looked for in the version of the code before",
    ),
    Mutant(
        SITUATION,
        "        if BUNDLE_VERSION in self.context:\n",
        "        if False:\n",
        "what another deploy uploaded between plan and lock is not seen",
    ),
    Mutant(
        BEFOREHAND,
        "record_problems(self._selected, self._state.bodies)",
        "()",
        "a record that can't be made twice is found late",
    ),
    Mutant(
        BEFOREHAND,
        "            found += read_problems(deployed[name], body, host, self._env.name)\n",
        "            pass\n",
        "a replica goes away under the service that reads from it",
    ),
    Mutant(
        GRAPH,
        "                    if failure is None:\n                        for name",
        "                    if True:\n                        for name",
        "after a failure further steps start",
    ),
    Mutant(
        GRAPH,
        "with interrupted_later():\n                    if failure",
        "if True:\n                    if failure",
        "a signal while a step is started loses it",
    ),
    Mutant(
        PLANNER,
        "    if body != template.body or parameters:\n",
        "    if False:\n",
        "a changed template is not deployed",
    ),
)
"""A deploy as a whole; those of one stack are in `mutants_of_stacks`."""
