"""Steps with dependencies, run side by side where they can."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from graphlib import TopologicalSorter


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
    by_name = {step.name: step for step in steps}
    order = TopologicalSorter({step.name: [name for name in step.after if name in by_name] for step in steps})
    order.prepare()
    running: dict[Future[None], str] = {}
    failure: BaseException | None = None
    with ThreadPoolExecutor(max_workers=8, thread_name_prefix="step") as pool:
        while running or (failure is None and order.is_active()):
            try:
                if failure is None:
                    for name in order.get_ready():
                        running[pool.submit(by_name[name].run)] = name
                # The short time-out lets Ctrl-C in while a thread waits for AWS.
                ended, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
            except KeyboardInterrupt as error:
                interrupt()
                failure = failure or error
                continue
            for future in ended:
                name = running.pop(future)
                error_of_step = future.exception()
                if error_of_step is None:
                    order.done(name)
                elif failure is None or isinstance(failure, KeyboardInterrupt):
                    failure = error_of_step
    if failure is not None:
        raise failure
