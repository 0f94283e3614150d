"""A loopback port for every listener of every emulated Application Load Balancer, and for every distribution.

ministack answers for a load balancer only under its DNS name or a path prefix on the API's port, and for a CloudFront
distribution under its domain; a browser needs a plain URL. Each gets a server of its own in the emulator's event loop,
which hands requests to ministack's own rule matching and forwarding. Ports are kept, so a URL survives restarts.

NOTE: a listener's protocol decides `X-Forwarded-Proto`, but the loopback port always speaks plain HTTP.
NOTE: an ALB sends targets a Host without port on 80 and 443; here the client's port stays, because the page's own
origin has it and Django compares the two.
NOTE: a distribution is told that its viewers use HTTPS, or it would send them to a port that nobody opens.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from opsctl.local import ports
from opsctl.local.emulator.asgi import BodyRoom, BodyTooLargeError, Receive, Scope, Send, headers_of, raw_path
from opsctl.local.emulator.guard import foreign_host
from opsctl.local.emulator.names import IssuedNames
from opsctl.local.emulator.seams import Modules
from opsctl.local.state import Json, StateDir, read_json, write_json
from opsctl.local.tasks.health import HealthMonitor

logger = logging.getLogger("opsctl.dataplane")

# A load balancer passes a body on as it comes; here it is held until all of it is there, and everybody may send one.
_ROOM = 256 * 1024 * 1024
_Key = tuple[str, str, str]  # account, region, and the ARN of a listener or the id of a distribution
_Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def install(alb: Any, health: HealthMonitor) -> None:
    """Route to healthy targets only, and report their health."""
    alb._target_host_header = lambda host, _listener_port: host
    _forward_to_healthy(alb, health)
    _describe_health(alb, health)


def _forward_to_healthy(alb: Any, health: HealthMonitor) -> None:
    forward = alb._forward_to_tg

    async def forward_to_group(arn: str, method: str, path: str, headers: Any, body: Any, query: Any,
                               raw_query_string: str | None = None, raw_path: str | None = None) -> Any:  # fmt: skip
        group = alb._tgs.get(arn)
        if not group or group.get("TargetType") != "ip":
            return await forward(arn, method, path, headers, body, query, raw_query_string, raw_path)
        target = choose_target(alb._targets.get(arn, []), lambda address: health.state_of(arn, address))
        if target is None:
            return 503, {"Content-Type": "text/html"}, b"<h1>503 Service Temporarily Unavailable</h1>"
        return await alb._proxy_http_target(
            target, group, method, raw_path or path, headers, body, query, raw_query_string
        )

    alb._forward_to_tg = forward_to_group


def choose_target(targets: list[Json], state_of: Callable[[str], str]) -> Json | None:
    """A healthy target; when there is none, an unhealthy one (load balancers fail open); never one still starting."""
    by_state: dict[str, list[Json]] = {}
    for target in targets:
        by_state.setdefault(state_of(str(target["Id"])), []).append(target)
    candidates = by_state.get("healthy") or by_state.get("unhealthy")
    return random.choice(candidates) if candidates else None


def _describe_health(alb: Any, health: HealthMonitor) -> None:
    describe = alb._describe_target_health

    def describe_health(params: Any) -> Any:
        arn = alb._p(params, "TargetGroupArn")
        if arn not in alb._tgs:
            return describe(params)
        wanted = {each["Id"] for each in alb._parse_targets_param(params)}
        members = ""
        for target in alb._targets.get(arn, []):
            if wanted and target["Id"] not in wanted:
                continue
            state, reason, said = health.told(arn, str(target["Id"]))
            told = f"<Reason>{reason}</Reason>" if reason else ""
            told += f"<Description>{said}</Description>" if said else ""
            port = target.get("Port", alb._tgs[arn].get("Port", 80))
            members += (
                f"<member><Target><Id>{target['Id']}</Id><Port>{port}</Port></Target>"
                f"<TargetHealth><State>{state}</State>{told}</TargetHealth></member>"
            )
        return alb._xml(200, "DescribeTargetHealth", f"<TargetHealthDescriptions>{members}</TargetHealthDescriptions>")

    alb._describe_target_health = describe_health
    alb._ACTION_MAP["DescribeTargetHealth"] = describe_health


class Listeners:
    """Keeps one server a listener; `reconcile` is called in the event loop a few times a second."""

    def __init__(self, state: StateDir, modules: Modules, names: IssuedNames, touch: Callable[[], None]) -> None:
        self._state = state
        self._names = names
        self._app = modules.app
        self._alb = modules.alb
        self._cloudfront = modules.cloudfront
        self._iam_evaluator = modules.iam_evaluator
        self._scope = modules.responses.request_scope
        self._touch = touch
        self._room = BodyRoom(_ROOM)
        self._ports: dict[str, int] = {name: int(port) for name, port in read_json(state.listeners).items()}
        self._servers: dict[_Key, tuple[asyncio.Event, asyncio.Task[None]]] = {}

    def reconcile(self) -> None:
        """Open servers for new listeners and distributions, close those of deleted ones."""
        wanted = {**self._wanted_listeners(), **self._wanted_distributions()}
        for key in self._servers.keys() - wanted.keys():
            closing, _task = self._servers.pop(key)
            closing.set()
        for key in wanted.keys() - self._servers.keys():
            self._open(key, wanted[key])
        served = {wanted[key]: self._ports[wanted[key]] for key in self._servers}
        if served != read_json(self._state.listeners):
            write_json(self._state.listeners, dict(served))

    def _wanted_listeners(self) -> dict[_Key, str]:
        wanted: dict[_Key, str] = {}
        for key, listener in list(self._alb._listeners.all_items()):
            balancer = self._alb._lbs.get_scoped(key[0], key[1], listener["LoadBalancerArn"])
            if balancer:
                wanted[key] = f"{balancer['DNSName'].lower()}:{listener.get('Port', 80)}"
        return wanted

    def _wanted_distributions(self) -> dict[_Key, str]:
        found = list(self._cloudfront._distributions._data.items())
        return {
            (account, "us-east-1", number): f"{item['DomainName'].lower()}:443" for (account, number), item in found
        }

    def report(self) -> list[Json]:
        """`{"kind", "port", "environment", "service"}` of each that is open, as the tags of its load balancer say."""
        found = []
        for key, listener in list(self._alb._listeners.all_items()):
            with self._scope(key[0], key[1]):
                tags = {each["Key"]: each["Value"] for each in self._alb._tags.get(listener["LoadBalancerArn"]) or []}
            found.append((key, "load balancer", tags))
        found += [(key, "distribution", {}) for key in self._wanted_distributions()]
        names = {**self._wanted_listeners(), **self._wanted_distributions()}
        return [
            {
                "kind": kind, "port": self._ports[names[key]], "environment": tags.get("environment", ""),
                "service": tags.get("service", ""),
            }
            for key, kind, tags in found
            if key in self._servers and key in names
        ]  # fmt: skip

    async def close(self) -> None:
        for closing, _task in self._servers.values():
            closing.set()
        await asyncio.gather(*(task for _closing, task in self._servers.values()), return_exceptions=True)

    def _open(self, key: _Key, name: str) -> None:
        from hypercorn.asyncio import serve
        from hypercorn.config import Config

        port = ports.choose(self._ports.get(name), taken=set(self._ports.values()) - {self._ports.get(name, 0)})
        # Listening from now on, since whoever reads the file of ports connects at once.
        listening = socket.create_server((ports.LOOPBACK, port))
        self._ports[name] = port
        config = Config()
        config.bind = [f"fd://{listening.detach()}"]
        config.keep_alive_timeout = 75
        config.graceful_timeout = 1
        config.accesslog = None
        config.loglevel = "WARNING"
        closing = asyncio.Event()
        server = serve(self._application(key), config, shutdown_trigger=closing.wait)  # type: ignore[arg-type]
        self._servers[key] = (closing, asyncio.get_running_loop().create_task(server))
        logger.info("Listener %s is open on port %d", name, port)

    def _application(self, key: _Key) -> _Application:
        respond = self._respond if key[2].startswith("arn:") else self._respond_at_edge

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                await _lifespan(receive, send)
            elif scope["type"] == "http":
                self._touch()
                headers = headers_of(scope)
                if foreign := foreign_host(headers.get("host", ""), self._names.answers):
                    await self._app._send_response(send, 421, {"Content-Type": "text/plain"}, f"{foreign}\n".encode())
                    return
                try:
                    with self._scope(key[0], key[1]), self._room.hold(headers, receive) as held:
                        await respond(key, scope, held, self._app._with_date_header(send))
                except BodyTooLargeError:
                    await self._app._send_response(send, 413, {"Content-Type": "text/plain"}, b"Too large\n")

        return application

    async def _respond(self, key: _Key, scope: Scope, receive: Receive, send: Send) -> None:
        listener = self._alb._listeners.get_scoped(*key)
        balancer = listener and self._alb._lbs.get(listener["LoadBalancerArn"])
        if not balancer:
            await self._app._send_response(send, 503, {"Content-Type": "text/plain"}, b"No such load balancer\n")
            return
        query = scope.get("query_string", b"").decode("latin-1")
        headers = headers_of(scope)
        body = await self._app._read_request_body(receive, scope["method"], headers)
        response = await self._alb.dispatch_request(
            balancer, scope["method"], scope["path"], headers, body, parse_qs(query, keep_blank_values=True),
            listener.get("Port", 80), client_ip=_client(scope), raw_query_string=query,
            raw_path=raw_path(scope) or None,
        )  # fmt: skip
        await self._app._send_if_handled(send, response, receive, head=scope["method"] == "HEAD")

    async def _respond_at_edge(self, key: _Key, scope: Scope, receive: Receive, send: Send) -> None:
        # Or a bucket that refuses plain HTTP would refuse the edge.
        self._iam_evaluator.pin_request_origin(_client(scope), True)
        distribution = self._cloudfront._distributions.get(key[2])
        if not distribution:
            await self._app._send_response(send, 503, {"Content-Type": "text/plain"}, b"No such distribution\n")
            return
        query = scope.get("query_string", b"").decode("latin-1")
        headers = {**headers_of(scope), "host": distribution["DomainName"], "x-forwarded-proto": "https"}
        body = await self._app._read_request_body(receive, scope["method"], headers)
        response = await self._cloudfront.handle_viewer_request(
            distribution, scope["method"], scope["path"], raw_path(scope), query, headers, body,
            parse_qs(query, keep_blank_values=True), _client(scope),
        )  # fmt: skip
        await self._app._send_if_handled(send, response, receive, head=scope["method"] == "HEAD")


def _client(scope: Scope) -> str:
    return str((scope.get("client") or (ports.LOOPBACK,))[0])


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
