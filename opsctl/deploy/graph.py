"""Steps with dependencies, run side by side where they can."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """`run` is called once every step of `after` that is in the graph has ended well."""

    name: str
    run: Callable[[], None]
    after: tuple[str, ...] = ()


def run_steps(steps: Sequence[Step], *, interrupt: Callable[[], None]) -> None:
    """Run all steps. After a failure nothing new starts; what runs is waited for; the first failure is raised.

    Ctrl-C calls `interrupt`, which makes running steps return, and is treated as their failure.
    """
    waiting = {step.name: step for step in steps}
    running: dict[Future[None], str] = {}
    done: set[str] = set()
    failure: BaseException | None = None
    with ThreadPoolExecutor(max_workers=8, thread_name_prefix="step") as pool:
        while waiting or running:
            try:
                if failure is None:
                    for name, step in list(waiting.items()):
                        if all(other in done or other not in _names(steps) for other in step.after):
                            running[pool.submit(step.run)] = name
                            del waiting[name]
                if not running:
                    break
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
                    done.add(name)
                elif failure is None or isinstance(failure, KeyboardInterrupt):
                    failure = error_of_step
    if failure is not None:
        raise failure


def _names(steps: Sequence[Step]) -> set[str]:
    return {step.name for step in steps}
