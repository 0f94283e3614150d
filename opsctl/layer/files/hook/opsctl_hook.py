"""Waits for the modules that make a Django application, and wraps what they make.

Only this much is loaded at start-up, so it imports what every process has; what handles requests is imported when
Django is.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # typing's own takes ten milliseconds to import
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any


def install() -> None:
    """Watch imports from now on. Calling it again changes nothing."""
    if not any(isinstance(each, Finder) for each in sys.meta_path):
        sys.meta_path.insert(0, Finder())
    for name in PATCHES:
        if name in sys.modules:
            patch(sys.modules[name])


class Finder:
    """Lets the other finders find the modules of PATCHES, and patches them when they have run."""

    def __init__(self) -> None:
        self._searching: set[str] = set()

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> Any:
        """None for every other module, which is then found as without this finder."""
        if name not in PATCHES or name in self._searching:
            return None
        self._searching.add(name)
        try:
            found = (each.find_spec(name, path, target) for each in sys.meta_path if hasattr(each, "find_spec"))
            spec = next((each for each in found if each is not None), None)
        finally:
            self._searching.discard(name)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            _patch_after(spec)
        return spec


def patch(module: ModuleType) -> None:
    """Apply what PATCHES has for this module; an error is told, and the module stays as it was."""
    try:
        PATCHES[module.__name__](module)
    except Exception as error:
        complain(f"could not change {module.__name__}", error)


def complain(what: str, error: BaseException) -> None:
    """One line on stderr."""
    sys.stderr.write(f"opsctl: the hook {what}: {' '.join(repr(error).split())}\n")


def _patch_after(spec: ModuleSpec) -> None:
    loader: Any = spec.loader
    run = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        run(module)
        if module.__name__ in PATCHES:
            patch(module)

    # NOTE: set on the instance, so that the loader keeps its class and everything else that others ask it for.
    loader.exec_module = exec_module


def _wrap_result(module: ModuleType, name: str, wrapper: Callable[[ModuleType], Any]) -> None:
    """Make `module.name` return its application inside a wrapper, one of the classes of opsctl_applications."""
    get_application: Callable[[], Any] = getattr(module, name)
    if hasattr(get_application, "opsctl_hook"):
        return

    def get_wrapped_application() -> Any:
        application = get_application()
        _show_errors()
        try:
            import opsctl_applications  # type: ignore[import-not-found]

            return wrapper(opsctl_applications)(application)
        except Exception as error:
            complain("could not wrap the application", error)
            return application

    get_wrapped_application.__dict__.update(opsctl_hook=True, __wrapped__=get_application)
    get_wrapped_application.__name__, get_wrapped_application.__doc__ = name, get_application.__doc__
    setattr(module, name, get_wrapped_application)


def _show_errors() -> None:
    try:
        import opsctl_errors  # type: ignore[import-not-found]

        opsctl_errors.show_errors()
    except Exception as error:
        complain("could not log what fails", error)


def _wrap_router(module: ModuleType) -> None:
    """Channels' websockets never pass get_asgi_application: adjust every connection where they are told apart."""
    import opsctl_applications

    opsctl_applications.adjust_router(module)


def _listen_at_one_address(module: ModuleType) -> None:
    """Tasks on one machine share its ports: what would listen at all addresses listens at the task's own."""
    own, kind = os.environ.get("OPSCTL_LISTEN_ADDRESS"), module.__dict__["socket"]
    bind = kind.bind
    if not own or hasattr(bind, "opsctl_hook"):
        return

    def bind_at_own(self: Any, address: Any) -> None:
        # Port 0 is asked for by clients, which may have to reach other networks.
        if isinstance(address, tuple) and address[0] in {"", EVERYWHERE} and address[1]:
            address = (own, *address[1:])
        bind(self, address)

    bind_at_own.__dict__.update(opsctl_hook=True)
    kind.bind = bind_at_own


EVERYWHERE = "0.0.0.0"  # noqa: S104  what is replaced


def _hide_server(module: ModuleType) -> None:
    """The worker of opsctl's own command for ASGI answers without naming its server."""
    worker = module.UvicornWorker
    worker.CONFIG_KWARGS = {**worker.CONFIG_KWARGS, "server_header": False}


def _hide_root(module: ModuleType) -> None:
    """Daphne takes the path where the application begins from anybody's header: drop that first."""
    process = module.WebRequest.process

    def process_without_root(request: Any) -> Any:
        request.requestHeaders.removeHeader(b"daphne-root-path")
        return process(request)

    module.WebRequest.process = process_without_root


def _wait_for_slow_clients(module: ModuleType) -> None:
    """A gunicorn with threads, however the project starts it, gets the worker of opsctl's own command."""
    if "opsctl_gunicorn" in sys.modules:  # it is what imports this, being named in the project's command
        return
    from opsctl_gunicorn import Worker  # type: ignore[import-not-found]

    module.__dict__["ThreadWorker"] = Worker


def _answer_for_other_releases(module: ModuleType) -> None:
    from opsctl_static import answer_for_other_releases  # type: ignore[import-not-found]

    answer_for_other_releases(module)


PATCHES: dict[str, Callable[[ModuleType], None]] = {
    "django.core.wsgi": lambda module: _wrap_result(
        module, "get_wsgi_application", lambda applications: applications.Wsgi
    ),
    "django.core.asgi": lambda module: _wrap_result(
        module, "get_asgi_application", lambda applications: applications.Asgi
    ),
    "channels.routing": _wrap_router,
    "socket": _listen_at_one_address,
    "daphne.http_protocol": _hide_root,
    "whitenoise.base": _answer_for_other_releases,
    "gunicorn.workers.gthread": _wait_for_slow_clients,
    "uvicorn_worker": _hide_server,
    "uvicorn.workers": _hide_server,
}
