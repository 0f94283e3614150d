"""What the tasks and the database of a target are: processes, or containers.

It is a property of the state, settled by its first start: the data of one kind is of no use to the other. Standard
library only: `target` imports this on its fast path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from opsctl.errors import OpsctlError, UsageError
from opsctl.local.state import StateDir, read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from opsctl.local.tasks.container_engine import ContainerEngine

Runtime = Literal["processes", "containers"]
RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)


def parse(text: str | None) -> Runtime | None:
    """What somebody typed. Raises UsageError with the names there are."""
    found = next((each for each in RUNTIMES if each == text), None)
    if text is not None and found is None:
        raise UsageError(f"There is no runtime {text!r}.", hint=f"Write one of {', '.join(RUNTIMES)}.")
    return found


def recorded(state: StateDir) -> Runtime | None:
    """What the state was made for; None before its first start. States of older versions hold processes."""
    kept = next((each for each in RUNTIMES if each == read_json(state.runtime).get("runtime")), None)
    return kept or ("processes" if state.ports.exists() else None)


def refuse_switch(state: StateDir, wanted: Runtime | None) -> None:
    """Raise when the state was made for another runtime than the one that was asked for."""
    kept = recorded(state) if wanted else None
    if kept and kept != wanted:
        raise OpsctlError(
            f"The local target here runs {kept}, and its database can't be taken over by {wanted}.",
            code="other-runtime",
            hint="Leave --runtime away to go on with it, or delete it with `opsctl local reset` and deploy again.",
        )


def engine_of(state: StateDir) -> ContainerEngine | None:
    """The engine that runs the target's containers; None when it runs processes."""
    if recorded(state) != "containers":
        return None
    from opsctl.local.tasks.container_engine import ContainerEngine

    return ContainerEngine(str(read_json(state.runtime)["engine"]), state)


def settle(state: StateDir, wanted: Runtime | None, progress: Callable[[str], None]) -> ContainerEngine | None:
    """Before a start: choose the runtime if none is recorded, and see to what containers need.

    Raises as `refuse_switch`, and EngineError when no engine answers or PostgreSQL's image can't be had.
    """
    refuse_switch(state, wanted)
    engine = engine_of(state)
    if engine is None and (recorded(state) or wanted or "processes") == "processes":
        write_json(state.runtime, {"runtime": "processes"})
        return None
    from opsctl.local.postgres.container import IMAGE
    from opsctl.local.tasks.container_engine import find_engine

    if engine is None:
        engine = find_engine(state)
    engine.answers()
    if not engine.has_image(IMAGE):
        progress(f"Pulling {IMAGE} with {engine.command}.")
        engine.pull(IMAGE)
    write_json(state.runtime, {"runtime": "containers", "engine": engine.command})
    return engine
