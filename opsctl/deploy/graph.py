"""Steps with dependencies, run side by side where they can, and the beginning and the end that are told of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from graphlib import TopologicalSorter

from opsctl.deploy.events import Emit, Outcome, StepFinished, StepStarted
from opsctl.deploy.left_running import LeftRunningError
from opsctl.errors import OpsctlError
from opsctl.leaving import interrupted_later


@dataclass(frozen=True, slots=True)
class Step:
    """`run` is called once every step of `after` that is in the graph has ended well."""

    name: str
    run: Callable[[], None]
    after: tuple[str, ...] = ()


def run_steps(steps: Sequence[Step], *, interrupt: Callable[[], None]) -> None:
    """Run all steps. After a failure nothing new starts; what runs is waited for; the first failure is raised.

    Ctrl-C calls `interrupt`, which makes running steps return, and is treated as their failure. Raises CycleError,
    before anything runs, when steps wait for each other.
    """
    by_name = {each.name: each for each in steps}
    order = TopologicalSorter({each.name: [name for name in each.after if name in by_name] for each in steps})
    order.prepare()
    running: dict[Future[None], str] = {}
    failure: BaseException | None = None
    with ThreadPoolExecutor(max_workers=8, thread_name_prefix="step") as pool:
        while running or (failure is None and order.is_active()):
            try:
                with interrupted_later():
                    if failure is None:
                        for name in order.get_ready():
                            running[pool.submit(by_name[name].run)] = name
                # The short time-out lets Ctrl-C in while a thread waits for AWS.
                ended, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
                with interrupted_later():
                    for future in ended:
                        name = running.pop(future)
                        error_of_step = future.exception()
                        if error_of_step is None:
                            order.done(name)
                        elif failure is None or isinstance(failure, KeyboardInterrupt):
                            failure = error_of_step
            except KeyboardInterrupt as error:
                interrupt()
                failure = failure or error
    if failure is not None:
        raise failure


@dataclass(slots=True)
class Ending:
    """How a step ended, as its block says it: what came out in a few words, and whether anything was written.

    `rolled_back`: what is wanted was come to by a rollback.
    """

    text: str = ""
    changed: bool = True
    rolled_back: bool = False


@contextmanager
def step(emit: Emit, name: str, text: str, *, clock: Callable[[], float] = time.monotonic) -> Iterator[Ending]:
    """Emit the start and the end of a step around a block, which fills in the ending. Errors go on to the caller."""
    started, ending = clock(), Ending()

    def finish(outcome: Outcome, how: str) -> None:
        emit(StepFinished(name, outcome, how, clock() - started))

    emit(StepStarted(name, text))
    try:
        yield ending
    except LeftRunningError as error:
        finish("detached", error.message)
        raise
    except OpsctlError as error:
        finish("failed", error.brief.removeprefix(f"{name}: "))  # its line begins with the name
        raise
    done: Outcome = "rolled-back" if ending.rolled_back else "done"
    finish(done if ending.changed else "unchanged", ending.text)
