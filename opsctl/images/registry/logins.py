"""Logins that this machine has for registries: what `docker login` and `podman login` wrote down."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from opsctl.images.names import DOCKER_HUB
from opsctl.images.registry.auth import RegistryLogin

_DOCKER_HUB_KEY = "https://index.docker.io/v1/"
_DOCKER_HUB_HOSTS = {"docker.io", "index.docker.io", "registry-1.docker.io"}
_HELPER_SECONDS = 30


def stored_login(registry: str, environment: Mapping[str, str] | None = None) -> RegistryLogin | None:
    """The login for a registry; None when there is none, which is how most base images are pulled."""
    asked_as = _DOCKER_HUB_KEY if registry == DOCKER_HUB else registry
    for path in _files(environment or os.environ):
        values = _read(path) or {}
        helper = _entry(values.get("credHelpers"), registry) or values.get("credsStore")
        found = _from_helper(helper, asked_as) if isinstance(helper, str) and helper else None
        found = found or _decoded(_entry(values.get("auths"), registry))
        if found is not None:
            return found
    return None


def login_trouble(registry: str, environment: Mapping[str, str] | None = None) -> str:
    """What is wrong where a login for this registry could stand, as a sentence; "" when nothing is.

    For whoever was refused: without a refusal nobody needs a login, whatever became of the files.
    """
    asked_as = _DOCKER_HUB_KEY if registry == DOCKER_HUB else registry
    for path in _files(environment or os.environ):
        if not os.path.lexists(path):
            continue
        if (values := _read(path)) is None:
            return f"{path} can't be read as a JSON object, so no login was taken from it."
        helper = _entry(values.get("credHelpers"), registry) or values.get("credsStore")
        if helper and not isinstance(helper, str):
            return f"{path} names a credential helper that is no text."
        if helper and shutil.which(f"docker-credential-{helper}") is None:
            return f"{path} names the helper docker-credential-{helper}, which is not on the PATH."
        if helper and _from_helper(str(helper), asked_as) is None:
            return f"docker-credential-{helper}, which {path} names, gives no login for {registry}."
        entry = _entry(values.get("auths"), registry)
        if entry is not None and not helper and _decoded(entry) is None:
            return f"{path} has an entry for {registry} that holds no login: `docker login {registry}` writes it anew."
    return ""


def _entry(section: object, registry: str) -> object:
    """The value for a registry in a section whose keys people and programs write in many ways."""
    if not isinstance(section, dict):
        return None
    return next((value for key, value in section.items() if _host(str(key)) == registry), None)


def _host(key: str) -> str:
    """The registry that a key names: `https://HOST/v2/`, `HOST/`, `HOST`. A key for one folder of it names none."""
    host, _, path = re.sub(r"^https?://", "", key.strip()).partition("/")
    if path.strip("/") not in {"", "v1", "v2"}:
        return ""
    return DOCKER_HUB if host in _DOCKER_HUB_HOSTS else host


def _files(environment: Mapping[str, str]) -> list[Path]:
    """podman's file, then docker's."""
    docker = Path(environment.get("DOCKER_CONFIG") or Path(environment.get("HOME", "/"), ".docker"))
    runtime = environment.get("XDG_RUNTIME_DIR")
    named = [environment.get("REGISTRY_AUTH_FILE"), f"{runtime}/containers/auth.json" if runtime else None]
    return [*(Path(each) for each in named if each), docker / "config.json"]


def _read(path: Path) -> dict[str, Any] | None:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None


def _decoded(entry: object) -> RegistryLogin | None:
    """What `docker login` wrote: user and password, or the identity token that it was given in their place."""
    if not isinstance(entry, dict):
        return None
    if isinstance(token := entry.get("identitytoken"), str) and token:
        return RegistryLogin("", "", identity_token=token)
    try:
        text = base64.b64decode(str(entry.get("auth") or "")).decode().rstrip("\0")
    except ValueError:
        return None
    user, separator, password = text.partition(":")
    return RegistryLogin(user, password) if separator else None


def _from_helper(name: str, registry: str) -> RegistryLogin | None:
    """Ask a credential helper, as docker does: the registry on stdin, JSON on stdout.

    The user `<token>` says that the secret is an identity token. [docker/docker-credential-helpers]
    """
    try:
        done = subprocess.run(
            [f"docker-credential-{name}", "get"], input=registry.encode(), capture_output=True,
            timeout=_HELPER_SECONDS, check=False,
        )  # fmt: skip
        values = json.loads(done.stdout) if done.returncode == 0 else None
    except (OSError, ValueError, RecursionError, subprocess.TimeoutExpired):
        return None
    user, secret = (values.get("Username"), values.get("Secret")) if isinstance(values, dict) else (None, None)
    if not isinstance(user, str) or not isinstance(secret, str) or not secret:
        return None
    return RegistryLogin("", "", identity_token=secret) if user == "<token>" else RegistryLogin(user, secret)
