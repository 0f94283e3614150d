"""Logins that this machine has for registries: what `docker login` and `podman login` wrote down."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from opsctl.images.auth import Login
from opsctl.images.names import DOCKER_HUB

_DOCKER_HUB_KEY = "https://index.docker.io/v1/"
_HELPER_SECONDS = 30


def stored_login(registry: str, environment: Mapping[str, str] | None = None) -> Login | None:
    """The login for a registry; None when there is none, which is how most base images are pulled."""
    for path in _files(environment or os.environ):
        values = _read(path)
        for key in (registry, f"https://{registry}", _DOCKER_HUB_KEY if registry == DOCKER_HUB else registry):
            helper = (values.get("credHelpers") or {}).get(key) or values.get("credsStore")
            found = _from_helper(str(helper), key) if helper else None
            found = found or _decoded((values.get("auths") or {}).get(key))
            if found is not None:
                return found
    return None


def _files(environment: Mapping[str, str]) -> list[Path]:
    """podman's file, then docker's."""
    docker = Path(environment.get("DOCKER_CONFIG") or Path(environment.get("HOME", "/"), ".docker"))
    runtime = environment.get("XDG_RUNTIME_DIR")
    named = [environment.get("REGISTRY_AUTH_FILE"), f"{runtime}/containers/auth.json" if runtime else None]
    return [*(Path(each) for each in named if each), docker / "config.json"]


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _decoded(entry: object) -> Login | None:
    if not isinstance(entry, dict) or not entry.get("auth"):
        return None
    try:
        user, separator, password = base64.b64decode(str(entry["auth"])).decode().partition(":")
    except ValueError:
        return None
    return Login(user, password) if separator else None


def _from_helper(name: str, registry: str) -> Login | None:
    """Ask a credential helper, as docker does: the registry on stdin, JSON on stdout."""
    try:
        done = subprocess.run(
            [f"docker-credential-{name}", "get"], input=registry, capture_output=True, text=True,
            encoding="utf-8", errors="replace", timeout=_HELPER_SECONDS, check=False,
        )  # fmt: skip
        values = json.loads(done.stdout) if done.returncode == 0 else {}
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return Login(str(values["Username"]), str(values["Secret"])) if values.get("Secret") else None
