"""The emulator's process: ministack, extended, with everything the local target runs beside it.

It is started by `start.spawn_emulator` and ends by itself: when it is told to, when its state directory vanishes or is
replaced, or when nobody has used it for its lifetime. What it starts (the PostgreSQL server, tasks, Lambda workers)
ends with it, however it ends.

ministack is extended before it serves its first request, by replacing functions of its modules; each replacement is
in the module of this package that is named for it. It is pinned to one exact version for that reason, and `seams`
refuses another that differs in what is replaced.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from opsctl import private
from opsctl.local import ports
from opsctl.local.emulator.asgi import Scope
from opsctl.local.emulator.calls import CallCounter
from opsctl.local.emulator.extension import Backend, extend_ministack
from opsctl.local.keys import Keys, load
from opsctl.local.lasting import LastingFailure
from opsctl.local.postgres.instances import Servers
from opsctl.local.procs import end_all, marked
from opsctl.local.runtime import engine_of
from opsctl.local.settings import LocalTargetError
from opsctl.local.state import Json, StateDir, write_json
from opsctl.local.tasks.container_engine import ContainerEngine
from opsctl.local.tasks.spawner import Spawner
from opsctl.local.version import code_version

logger = logging.getLogger("opsctl.emulator")

_TICK = 0.2
_TICKS_BETWEEN_TRIMS = 150


@dataclass(frozen=True)
class Options:
    """The command line. `lifetime` is in seconds without any request."""

    state: StateDir
    port: int
    postgres_port: int
    region: str
    account: str
    lifetime: float


def parse(arguments: list[str] | None = None) -> Options:
    parser = argparse.ArgumentParser(prog="opsctl.local.emulator.process")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--postgres-port", type=int, required=True)
    parser.add_argument("--region", required=True)
    parser.add_argument("--account", required=True)
    parser.add_argument("--lifetime", type=float, required=True)
    given = parser.parse_args(arguments)
    return Options(StateDir(given.state), given.port, given.postgres_port, given.region, given.account, given.lifetime)


def configure_ministack(options: Options) -> None:
    """ministack reads its settings from the environment when it is imported; this comes first."""
    state = options.state
    os.environ.update(
        {
            "BIND_HOST": ports.LOOPBACK,  # its default is every interface
            "MINISTACK_HOST": ports.LOOPBACK,
            "GATEWAY_PORT": str(options.port),
            "AWS_ENDPOINT_URL": f"http://{ports.LOOPBACK}:{options.port}",
            "MINISTACK_REGION": options.region,
            "MINISTACK_ACCOUNT_ID": options.account,
            "PERSIST_STATE": "1",
            "STATE_DIR": str(state.aws),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(state.objects),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "ECS_RESTORE_RECONCILE_DELAY_SECONDS": "0.2",
            "LAMBDA_EXECUTOR": "local",
            "LOG_LEVEL": "WARNING",
            # ministack itself never finds an engine: opsctl runs tasks and databases, in containers too.
            "DOCKER_HOST": f"unix://{state.path}/no-engine.sock",
        }
    )


class Emulator:
    """Wires the parts together and runs them until it is time to end."""

    def __init__(self, options: Options, engine: ContainerEngine | None) -> None:
        self.options = options
        self.engine = engine
        self.state = options.state
        self.spawner = Spawner()
        self.calls = CallCounter()
        self.postgres = Servers(self.state, options.postgres_port, self.spawner, engine)
        self.failure = ""
        self._identity = self.state.path.stat().st_ino
        self._serving = False
        self._restored = False
        self._closing = threading.Event()

    def run(self) -> None:
        _end_leftovers(self.state)
        threading.Thread(target=self._watch_postgres, daemon=True, name="opsctl-postgres").start()
        options, keys = self.options, Keys(load(self.state))
        backend = Backend(options.account, options.region, keys, self.engine, ports.registry(options.port))
        self._parts = extend_ministack(self.state, self.postgres, self.spawner, self.calls, backend)
        self._gate = self._parts.gate(self._answer)
        asyncio.run(self._serve())

    # -- serving -------------------------------------------------------------------------------------------------

    async def _serve(self) -> None:
        from hypercorn.asyncio import serve
        from hypercorn.config import Config

        shutdown = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, shutdown.set)
        config = Config()
        config.bind = [f"{ports.LOOPBACK}:{self.options.port}"]
        config.keep_alive_timeout = 75
        config.graceful_timeout = 1
        config.accesslog = None
        config.loglevel = "WARNING"
        threading.Thread(
            target=self._watch,
            args=(lambda: loop.call_soon_threadsafe(shutdown.set),),
            daemon=True,
            name="opsctl-watch",
        ).start()
        housekeeping = loop.create_task(self._housekeeping())
        try:
            await serve(self._application, config, shutdown_trigger=shutdown.wait)  # type: ignore[arg-type]
        finally:
            housekeeping.cancel()
            self._close()

    def _close(self) -> None:
        # ministack has written its state by now; what the end does to tasks is not worth remembering.
        self._closing.set()
        self._parts.snapshots.stop()
        self._parts.containers.close()
        self._parts.containers.stop_all(5.0)
        self.postgres.stop()

    async def _housekeeping(self) -> None:
        """What has to happen in the event loop: listeners, and the first moments after a start."""
        while not self._serving:
            await asyncio.sleep(0.02)
        self._parts.recovery.settle_interrupted_stacks()
        self._parts.snapshots.start()
        failure = LastingFailure(logger, "Housekeeping failed")
        for tick in itertools.count():
            try:
                self._parts.listeners.reconcile()
                self._parts.health.tick()
                if tick % _TICKS_BETWEEN_TRIMS == 0:
                    await asyncio.to_thread(self._parts.trim)
                failure.over()
            except Exception as error:
                failure.log(error)
            await asyncio.sleep(_TICK)

    async def _application(self, scope: Json, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._parts.app.app(scope, receive, self._noting_start(send))
        else:
            await self._gate(scope, receive, send)

    def _noting_start(self, send: Callable[[Json], Awaitable[None]]) -> Callable[[Json], Awaitable[None]]:
        async def noting(message: Json) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                self._serving = True
            elif message["type"] == "lifespan.startup.failed":
                self.failure = str(message.get("message", "ministack did not start"))

        return noting

    async def _answer(self, scope: Scope) -> tuple[int, Json]:
        """opsctl's own questions. Only methods and paths of this table are answered."""
        match scope["method"], scope["path"]:
            case "GET", "/_opsctl/health":
                return 200, self._report()
            case "GET", "/_opsctl/calls":
                return 200, self.calls.report()
            case "DELETE", "/_opsctl/calls":
                self.calls.reset()
            case "POST", "/_opsctl/flush":
                await asyncio.to_thread(self._parts.snapshots.flush)
            case "POST", "/_opsctl/login":
                asked = dict(parse_qsl(scope["query_string"].decode()))
                password = await asyncio.to_thread(self.postgres.let_in, int(asked["port"]), asked["role"])
                return 200, {"password": password}
            case _:
                return 404, {"message": "unknown"}
        return 200, {}

    def _report(self) -> Json:
        services = self._parts.health.services()
        ready = self._serving and self._restored and self.postgres.running
        return {
            "ready": ready,
            "failure": self.failure or self.postgres.failure,
            "version": code_version(),
            "postgres": self.postgres.running,
            "services": services,
            "settled": ready and all(_is_settled(each) for each in services),
            "idle_seconds": self.calls.idle_seconds,
            "record_only": self._parts.record_only,
            "listeners": self._parts.listeners.report(),
        }

    # -- watching ------------------------------------------------------------------------------------------------

    def _watch_postgres(self) -> None:
        while not self._closing.wait(_TICK):
            self.postgres.supervise()
            if self._serving and self.postgres.running and not self._restored:
                self._parts.databases.restore()
                self.calls.touch()
                self._restored = True

    def _watch(self, shut_down: Callable[[], None]) -> None:
        while not self._closing.wait(_TICK):
            if not self._state_is_there():
                self._vanish()
            # A start that never gets ready ends too, but not before it had the time to.
            lifetime = self.options.lifetime if self._restored else max(self.options.lifetime, 120.0)
            if self.calls.idle_seconds > lifetime:
                logger.warning("Unused for %.0f seconds: ending", self.options.lifetime)
                shut_down()
                return

    def _state_is_there(self) -> bool:
        try:
            return self.state.path.stat().st_ino == self._identity
        except OSError:
            return False

    def _vanish(self) -> None:
        """The state directory is gone: there is nothing to save, and nobody can find us any more."""
        self._closing.set()
        self._parts.containers.close()
        for container in self._parts.containers.list():
            container.kill()
        with contextlib.suppress(Exception):
            self.postgres.stop(signal.SIGQUIT)
        with contextlib.suppress(Exception):
            if self.engine:
                self.engine.remove_all(ports.registry(self.options.port))
        os._exit(0)


def _is_settled(service: Json) -> bool:
    return bool(service["running"] >= service["desired"] and service["healthy"] >= service["desired"])


def _end_leftovers(state: StateDir) -> None:
    """End what an emulator that was killed left running."""
    ours = {os.getpid(), os.getppid()}
    # SIGINT ends PostgreSQL without waiting for its clients, and gunicorn without waiting for requests.
    end_all([each for each in marked(state.path) if each.pid not in ours], gentle=signal.SIGINT, patience=5.0)


def main(arguments: list[str] | None = None) -> None:
    options = parse(arguments)
    os.umask(private.UMASK)  # for the files of all that it starts, too
    engine = engine_of(options.state)  # with its user's environment, of which ministack's settings are no part
    configure_ministack(options)
    logging.basicConfig(format="%(asctime)s %(levelname)s [%(name)s] %(message)s", level=logging.INFO)
    logging.Formatter.converter = time.gmtime
    try:
        Emulator(options, engine).run()
    except LocalTargetError as error:
        # Nobody can ask us any more: whoever started us reads it there.
        write_json(options.state.refusal, {"message": error.message, "hint": error.hint})
        sys.exit(str(error))


if __name__ == "__main__":
    main()
