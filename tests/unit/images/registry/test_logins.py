"""Logins that docker, podman and their helpers left on this machine, in all the shapes in which they are found."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from opsctl.images.names import ImageName
from opsctl.images.registry.answer import Answer
from opsctl.images.registry.auth import Authenticator, RegistryLogin
from opsctl.images.registry.logins import login_trouble, stored_login
from opsctl.images.registry.refusals import refusal

REGISTRY = "registry.example.com:5000"


def auth(login: str = "ann:pass:word") -> dict[str, str]:
    return {"auth": base64.b64encode(login.encode()).decode()}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".docker").mkdir()
    return tmp_path


def login(home: Path, config: object, registry: str = REGISTRY) -> RegistryLogin | None:
    (home / ".docker" / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    return stored_login(registry, {"HOME": str(home)})


def helper(folder: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int = 0) -> None:
    """A credential helper on PATH that writes down what it was asked."""
    program = folder / "docker-credential-tests"
    program.write_text(f"#!/bin/sh\ncat > {folder}/asked\nprintf '%s' '{answer}'\nexit {code}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


@pytest.mark.parametrize("key", [
    REGISTRY, f"https://{REGISTRY}", f"http://{REGISTRY}", f"{REGISTRY}/", f"https://{REGISTRY}/", f"{REGISTRY}/v2/",
    f"https://{REGISTRY}/v2/", f"https://{REGISTRY}/v1", f"https://{REGISTRY}/v2",
])  # fmt: skip
def test_a_registry_is_found_however_its_key_is_written(home: Path, key: str) -> None:
    assert login(home, {"auths": {key: auth()}}) == RegistryLogin("ann", "pass:word")


@pytest.mark.parametrize("key", [
    "registry.example.com", f"{REGISTRY}/team", f"evil.example.com/{REGISTRY}", f"{REGISTRY}.evil.example.com", "",
    f"user@{REGISTRY}",
])  # fmt: skip
def test_another_registrys_key_is_not_taken_for_it(home: Path, key: str) -> None:
    assert login(home, {"auths": {key: auth()}}) is None


@pytest.mark.parametrize("key", ["https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io"])
def test_docker_hub_is_found_under_all_its_names(home: Path, key: str) -> None:
    assert login(home, {"auths": {key: auth()}}, "docker.io") == RegistryLogin("ann", "pass:word")


BROKEN: list[Any] = [
    "", "null", "[]", "{", "\x00", {"auths": []}, {"auths": None}, {"auths": {REGISTRY: None}},
    {"auths": {REGISTRY: []}},
    {"auths": {REGISTRY: {}}}, {"auths": {REGISTRY: {"auth": "%%%"}}}, {"auths": {REGISTRY: {"auth": "AAAA"}}},
    {"auths": {REGISTRY: {"auth": 7}}}, {"auths": {REGISTRY: {"auth": "/////w=="}}}, {"credHelpers": ["x"]},
    {"credHelpers": {REGISTRY: None}}, {"credHelpers": {REGISTRY: 7}}, {"credsStore": 7}, {"credsStore": ["x"]},
    {"credsStore": ""}, {"credsStore": "is-not-installed"}, {"auths": {REGISTRY: {"identitytoken": 7}}},
    "[" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("config", BROKEN, ids=str)
def test_a_file_of_unexpected_shape_holds_no_login(home: Path, config: object) -> None:
    assert login(home, config) is None


@pytest.mark.parametrize(
    "answer", ["", "null", "[]", "7", "{", '{"Username": "ann"}', '{"Username": null, "Secret": null}',
               '{"Username": ["a"], "Secret": "b"}', '{"Username": "ann", "Secret": ""}'],
)  # fmt: skip
def test_a_helper_that_answers_nonsense_has_no_login(home: Path, answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    helper(home, monkeypatch, answer)
    assert login(home, {"credsStore": "tests"}) is None


def test_a_helper_that_fails_has_no_login_whatever_it_prints(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper(home, monkeypatch, '{"Username": "ann", "Secret": "s"}', code=1)
    assert login(home, {"credsStore": "tests"}) is None


def test_what_no_helper_knows_the_file_may_still_hold(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper(home, monkeypatch, "null")
    assert login(home, {"credsStore": "tests", "auths": {REGISTRY: auth()}}) == RegistryLogin("ann", "pass:word")


@pytest.mark.parametrize(("registry", "asked"), [(REGISTRY, REGISTRY), ("docker.io", "https://index.docker.io/v1/")])
def test_a_helper_is_asked_as_docker_asks_it(
    home: Path, registry: str, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper(home, monkeypatch, '{"ServerURL": "x", "Username": "ann", "Secret": "s"}')
    assert login(home, {"credHelpers": {f"https://{registry}/v2/": "tests"}}, registry) == RegistryLogin("ann", "s")
    assert (home / "asked").read_text() == asked


def test_an_identity_token_stands_for_user_and_password(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = RegistryLogin("", "", identity_token="refresh-me")
    assert login(home, {"auths": {REGISTRY: {**auth("ann:"), "identitytoken": "refresh-me"}}}) == token
    helper(home, monkeypatch, '{"Username": "<token>", "Secret": "refresh-me"}')
    assert login(home, {"credsStore": "tests"}) == token
    assert "refresh-me" not in repr(token)


def test_an_identity_token_is_exchanged_at_the_token_service_and_sent_nowhere_else() -> None:
    asked: list[tuple[str, dict[str, str], dict[str, str] | None]] = []

    def fetch(url: str, headers: Any, form: Any = None) -> Answer:
        asked.append((url, dict(headers), dict(form) if form else None))
        return Answer(200, {}, b'{"access_token": "new"}', url)

    authenticator = Authenticator(lambda: RegistryLogin("", "", identity_token="refresh-me"), fetch)
    challenge = 'Bearer realm="https://auth.example.com/token",service="registry.example.com"'
    assert authenticator.answer(challenge, "repository:a:pull", refused=None) == "Bearer new"
    assert asked == [("https://auth.example.com/token", {}, {
        "grant_type": "refresh_token", "refresh_token": "refresh-me", "client_id": "opsctl",
        "service": "registry.example.com", "scope": "repository:a:pull",
    })]  # fmt: skip
    assert authenticator.answer('Basic realm="x"', "repository:b:pull", refused=None) is None


def test_user_and_password_are_sent_as_before() -> None:
    asked: list[tuple[str, dict[str, str]]] = []

    def fetch(url: str, headers: Any, form: Any = None) -> Answer:
        assert form is None
        asked.append((url, dict(headers)))
        return Answer(200, {}, b'{"token": "new"}', url)

    challenge = 'Bearer realm="https://auth.example.com/token?x=1",service="s"'
    assert (
        Authenticator(lambda: RegistryLogin("ann", "p"), fetch).answer(challenge, "scope", refused=None) == "Bearer new"
    )
    ((url, headers),) = asked
    assert parse_qs(url.partition("?")[2]) == {"x": ["1"], "service": ["s"], "scope": ["scope"]}
    assert headers == {"Authorization": RegistryLogin("ann", "p").basic}


TROUBLES: dict[str, tuple[object, str]] = {
    "no JSON": ("{", "can't be read as a JSON object"),
    "too deep": ("[" * 100_000, "can't be read as a JSON object"),
    "a list": ([], "can't be read as a JSON object"),
    "helper of another type": ({"credsStore": ["x"]}, "a credential helper that is no text"),
    "helper that is missing": ({"credsStore": "none-such"}, "docker-credential-none-such, which is not on the PATH"),
    "helper that prints rubbish": ({"credsStore": "tests"}, f"gives no login for {REGISTRY}"),
    "helper of one registry": ({"credHelpers": {REGISTRY: "none-such"}}, "docker-credential-none-such"),
    "no base64": ({"auths": {REGISTRY: {"auth": "%%%"}}}, f"`docker login {REGISTRY}` writes it anew"),
    "null": ({"auths": {REGISTRY: {}}}, f"`docker login {REGISTRY}` writes it anew"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_who_is_refused_reads_what_is_wrong_with_the_file(
    home: Path, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper(home, monkeypatch, "rubbish")
    config, said = TROUBLES[trouble]
    assert login(home, config) is None
    assert said in login_trouble(REGISTRY, {"HOME": str(home)})
    monkeypatch.setenv("HOME", str(home))
    for name in ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    error = refusal(Answer(401, {}, b"", ""), ImageName(REGISTRY, "team/app"), "pushing")
    assert said in error.hint
    assert error.hint.endswith("--password-stdin.")
    ecr = ImageName("1.dkr.ecr.us-east-1.amazonaws.com", "app")
    assert refusal(Answer(401, {}, b"", ""), ecr, "pushing").hint.startswith("Sign in again")


def test_a_sound_file_and_none_at_all_are_no_trouble(home: Path) -> None:
    assert login_trouble(REGISTRY, {"HOME": str(home)}) == ""
    assert login(home, {"auths": {REGISTRY: auth(), "other": None}, "credHelpers": {"other": "none-such"}})
    assert login_trouble(REGISTRY, {"HOME": str(home)}) == ""
