"""A login goes to its registry and to the token service that may have it: whatever the registry answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from opsctl.errors import OpsctlError
from opsctl.images.errors import RegistryRefusedError
from opsctl.images.oci.push import push
from opsctl.images.registry.auth import RegistryLogin
from opsctl.images.registry.realms import TOKEN_SERVERS_VARIABLE, check_realm, check_way
from opsctl.images.registry.repository import Repository
from tests.functional.images.hostile import LOGIN, REGISTRY, STRANGER, Asked, Host, Said, host
from tests.functional.images.samples import image, new_store

SECRETS = ("the-password", "refresh-me", LOGIN.basic.partition(" ")[2])
TOKEN = Said(200, body=b'{"token": "let-me-in"}')


@pytest.fixture
def registry() -> Iterator[Host]:
    with host(REGISTRY) as running:
        yield running


@pytest.fixture
def stranger() -> Iterator[Host]:
    with host(STRANGER) as running:
        yield running


def bearer(realm: str) -> Said:
    return Said(401, {"WWW-Authenticate": f'Bearer realm="{realm}",service="s"'})


def moved(place: str, status: int = 307) -> Said:
    return Said(status, {"Location": place})


def behind_a_token(registry: Host, then: Said) -> None:
    """The registry as it should be: a token service of its own, and `then` for whoever brings the token."""
    registry.answers(" /token", TOKEN)
    registry.answers(
        "/v2/",
        lambda asked: then if asked.headers.get("authorization") else bearer(f"{registry.url}/token"),
    )


Play = Callable[[Host, Host], None]


@dataclass(frozen=True)
class Case:
    """What registry and stranger answer; `told` is the code of the error that asking for an image ends with."""

    name: str
    play: Play
    told: str = "foreign-realm"


def realm(form: str) -> Play:
    """The registry names a realm; REGISTRY and STRANGER in it are where the two listen."""

    def play(registry: Host, stranger: Host) -> None:
        stranger.answers("", TOKEN)
        named = form.replace("REGISTRY", registry.url[7:]).replace("STRANGER", stranger.url[7:])
        registry.answers("/v2/", bearer(named))

    return play


def token(answer: Said) -> Play:
    def play(registry: Host, stranger: Host) -> None:
        registry.answers(" /token", answer)
        registry.answers("/v2/", bearer(f"{registry.url}/token"))

    return play


def redirect(place: str, answer: Said) -> Play:
    def play(registry: Host, stranger: Host) -> None:
        named = place.replace("STRANGER", stranger.url[7:])
        stranger.answers("", answer)
        behind_a_token(registry, moved(named))

    return play


def token_moves(registry: Host, stranger: Host) -> None:
    stranger.answers("", TOKEN)
    registry.answers(" /token", moved(f"{stranger.url}/token", 302))
    registry.answers("/v2/", bearer(f"{registry.url}/token"))


def unknown_scheme(registry: Host, stranger: Host) -> None:
    registry.answers("/v2/", Said(401, {"WWW-Authenticate": "Negotiate"}))


def redirect_and_challenge(registry: Host, stranger: Host) -> None:
    stranger.answers("", bearer(f"{stranger.url}/token"))
    behind_a_token(registry, moved(f"{stranger.url}/v2/team/app/manifests/v1"))


def redirect_and_back(registry: Host, stranger: Host) -> None:
    stranger.answers("", moved(f"{registry.url}/elsewhere"))
    registry.answers("/elsewhere", Said(401))
    behind_a_token(registry, moved(f"{stranger.url}/x"))


ASKING = [
    Case("a realm on another host", realm("http://STRANGER/token")),
    Case("the same with TLS", realm("https://STRANGER/token")),
    Case("a realm with the registry as its user", realm("http://REGISTRY@STRANGER/token")),
    Case("a realm with a password in it", realm("http://a:b@STRANGER/token")),
    Case("a realm with a backslash", realm("http://STRANGER\\\\@REGISTRY/token")),
    Case("a realm without a scheme", realm("//STRANGER/token")),
    Case("a realm that is a path", realm("/token")),
    Case("no realm", realm("")),
    Case("a realm with a blank in front", realm(" http://STRANGER/token")),
    Case("a realm with a tab inside", realm("http://STRANGER/\ttoken")),
    Case("a realm that is a file", realm("file:///etc/passwd")),
    Case("a realm on a port that is none", realm("http://127.0.0.1:99999/token")),
    Case("a realm below the registry's name", realm("http://127.0.0.1.example/token")),
    Case("a realm that the registry's name is in", realm("http://0.0.1/token")),
    Case("a realm in the clear and elsewhere", realm("http://192.0.2.1/token")),
    Case("a token service that redirects", token_moves, "registry-refused"),
    Case("a token that begins another header", token(Said(200, body=b'{"token": "a\\r\\nX-Evil: 1"}')),
         "registry-refused"),
    Case("a token that is a list", token(Said(200, body=b'{"token": ["a"]}')), "registry-refused"),
    Case("a token that is no JSON", token(Said(200, body=b"<html>")), "registry-refused"),
    Case("a token that is nested deeply", token(Said(200, body=b"[" * 200_000)), "registry-refused"),
    Case("a token without an end", token(Said(200, body=b" " * 65536, endless=True)), "answer-too-long"),
    Case("a way of logging in that is not known", unknown_scheme, "registry-refused"),
    Case("a redirect to a stranger", redirect("http://STRANGER/blob", Said(403)), "registry-refused"),
    Case("a redirect to a stranger who wants a login", redirect_and_challenge, "registry-refused"),
    Case("a redirect to a stranger who wants a password", redirect("http://STRANGER/x", Said(
        401, {"WWW-Authenticate": 'Basic realm="x"'})), "registry-refused"),
    Case("a redirect there and back", redirect_and_back, "registry-refused"),
    Case("a redirect with the registry as its user", redirect("http://127.0.0.1@STRANGER/", Said(200))),
    Case("a redirect to a file", redirect("file:///etc/passwd", Said(200))),
    Case("a redirect to another scheme", redirect("ftp://STRANGER/x", Said(200)), "not-encrypted"),
    Case("a redirect in the clear", redirect("http://192.0.2.1/x", Said(200)), "not-encrypted"),
    Case("a redirect in a circle", redirect("/v2/team/app/manifests/v1", Said(200)), "registry-refused"),
]  # fmt: skip


@pytest.mark.parametrize(
    "login", [LOGIN, RegistryLogin("", "", identity_token="refresh-me")], ids=["password", "token"]
)
@pytest.mark.parametrize("case", ASKING, ids=lambda case: case.name)
def test_no_answer_brings_the_login_to_a_stranger(
    case: Case, login: RegistryLogin, registry: Host, stranger: Host
) -> None:
    case.play(registry, stranger)
    with pytest.raises(OpsctlError) as caught:
        registry.repository(login).manifest("v1")
    assert caught.value.code in {case.told, "registry"}, caught.value
    assert not [asked for asked in stranger.asked if asked.tells(*SECRETS)]
    assert "the-password" not in str(caught.value)


def test_a_password_is_not_sent_in_answer_to_another_way_of_logging_in(registry: Host, stranger: Host) -> None:
    unknown_scheme(registry, stranger)
    with pytest.raises(OpsctlError):
        registry.repository().manifest("v1")
    assert not [asked for asked in registry.asked if asked.tells(*SECRETS)]


def test_the_sentence_names_both_hosts_and_what_allows_it(registry: Host, stranger: Host) -> None:
    realm("http://STRANGER/token")(registry, stranger)
    with pytest.raises(RegistryRefusedError, match=r"127\.0\.0\.1 wants its login sent to 127\.0\.0\.2") as caught:
        registry.repository().manifest("v1")
    assert f"{TOKEN_SERVERS_VARIABLE}=127.0.0.1=127.0.0.2" in caught.value.hint
    assert caught.value.exit_code == 5
    assert stranger.asked == []


def test_a_person_may_allow_a_token_service(registry: Host, stranger: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_SERVERS_VARIABLE, "a.example=b.example, 127.0.0.1=127.0.0.2")
    stranger.answers("", TOKEN)
    registry.answers("/v2/", lambda asked: (
        Said(200, body=b"{}") if asked.headers.get("authorization") == "Bearer let-me-in"
        else bearer(f"{stranger.url}/token")
    ))  # fmt: skip
    assert registry.repository().manifest("v1").json() == {}
    assert [asked.headers.get("authorization") for asked in stranger.asked] == [LOGIN.basic]


def test_who_has_no_login_asks_any_token_service(registry: Host, stranger: Host) -> None:
    stranger.answers("", TOKEN)
    registry.answers("/v2/", lambda asked: (
        Said(200, body=b"{}") if asked.headers.get("authorization") else bearer(f"{stranger.url}/token")
    ))  # fmt: skip
    assert registry.repository(None).manifest("v1").json() == {}


def test_a_list_of_tags_that_goes_on_at_a_stranger_brings_him_nothing(registry: Host, stranger: Host) -> None:
    stranger.answers("", Said(200, body=b'{"tags": ["there"]}'))
    behind_a_token(registry, Said(200, {"Link": f'<{stranger.url}/next>; rel="next"'}, b'{"tags": ["here"]}'))
    assert registry.repository().tags() == ["here", "there"]
    assert [asked.tells(*SECRETS) for asked in stranger.asked] == [False]


def uploads(registry: Host, location: str) -> None:
    """A registry that has nothing yet and opens uploads at `location`."""
    registry.answers("POST /v2/team/app/blobs/uploads/", lambda asked: (
        moved(location, 202) if asked.headers.get("authorization") else Said(401, {"WWW-Authenticate": "Basic"})
    ))  # fmt: skip
    registry.answers("HEAD", Said(404))


def pushed(repository: Repository, folder: Path) -> None:
    store = new_store(folder)
    push(store, image(store, layers=1, size=1000), repository, "v1")


@pytest.mark.parametrize("answer", [
    Said(401, {"WWW-Authenticate": 'Basic realm="x"'}), Said(403), Said(307, {"Location": "http://127.0.0.1/"}),
], ids=["asks for a password", "refuses", "redirects"])  # fmt: skip
def test_an_upload_at_a_stranger_brings_him_no_login(
    answer: Said, registry: Host, stranger: Host, tmp_path: Path
) -> None:
    stranger.answers("", answer)
    uploads(registry, f"{stranger.url}/upload")
    with pytest.raises(OpsctlError):
        pushed(registry.repository(), tmp_path)
    assert stranger.asked
    assert not [asked for asked in stranger.asked if asked.tells(*SECRETS)]


def test_a_stranger_who_takes_an_upload_asks_no_token_service_for_us(
    registry: Host, stranger: Host, tmp_path: Path
) -> None:
    """His challenge names the registry's own service: nothing is fetched there on his word."""
    registry.answers(" /token", TOKEN)
    stranger.answers("", bearer(f"{registry.url}/token"))
    uploads(registry, f"{stranger.url}/upload")
    with pytest.raises(OpsctlError):
        pushed(registry.repository(), tmp_path)
    assert not [asked for asked in registry.asked if asked.path.startswith("/token")]


@pytest.mark.parametrize("place", ["http://192.0.2.1/upload", "http://u:p@127.0.0.2/upload", "gopher://127.0.0.2/"])
def test_an_upload_that_others_could_read_is_not_sent(place: str, registry: Host, tmp_path: Path) -> None:
    uploads(registry, place)
    with pytest.raises(OpsctlError) as caught:
        pushed(registry.repository(), tmp_path)
    assert caught.value.code in {"not-encrypted", "foreign-realm"}


def test_an_upload_may_go_to_a_storage_service_and_its_place_may_name_the_port(
    registry: Host, stranger: Host, tmp_path: Path
) -> None:
    """Registries have layers sent to their storage, whose address is the permission."""

    def taken(asked: Asked) -> Said:
        return moved(f"{stranger.url}/upload?key=1", 202) if asked.method == "PATCH" else Said(201)

    stranger.answers("", taken)
    uploads(registry, f"{stranger.url}/upload?key=1")
    registry.answers("PUT /v2/team/app/manifests/", Said(403))
    with pytest.raises(RegistryRefusedError, match="storing the manifest"):
        pushed(registry.repository(), tmp_path)
    assert {asked.method for asked in stranger.asked} == {"PATCH", "PUT"}
    assert not [asked for asked in stranger.asked if asked.tells(*SECRETS)]


@pytest.mark.parametrize(("registry", "named"), [
    ("https://registry-1.docker.io", "https://auth.docker.io/token"),
    ("https://ghcr.io", "https://ghcr.io/token"),
    ("https://quay.io", "https://quay.io/v2/auth"),
    ("https://registry.gitlab.com", "https://gitlab.com/jwt/auth"),
    ("https://registry.git.example.com:5050", "https://git.example.com/jwt/auth"),
    ("https://team.azurecr.io", "https://team.azurecr.io/oauth2/token"),
    ("https://registry.example.com", "https://registry.example.com:5001/auth"),
    ("https://example.com", "https://auth.example.com/token"),
])  # fmt: skip
def test_the_token_services_of_well_known_registries_get_the_login(registry: str, named: str) -> None:
    check_realm(registry, named)
    check_way(registry, named)


@pytest.mark.parametrize(("registry", "named"), [
    ("https://registry-1.docker.io", "https://auth.docker.io.example.com/token"),
    ("https://registry-1.docker.io", "https://evil.docker.com/token"),
    ("https://ghcr.io", "https://evilghcr.io/token"),
    ("https://team.azurecr.io", "https://other.azurecr.io/oauth2/token"),
    ("https://registry.example.com", "https://com/token"),
    ("https://registry.example.com", "https://evil-registry.example.com/token"),
    ("https://10.0.0.1", "https://0.0.1/token"),
    ("https://registry.example.com", "https://registry.example.com.:443@evil.example/"),
    ("https://registry.example.com", "https://ｅxample.com/"),
])  # fmt: skip
def test_others_do_not(registry: str, named: str) -> None:
    with pytest.raises(RegistryRefusedError):
        check_realm(registry, named)


@pytest.mark.parametrize(
    "way", ["http://registry.example.com/token", "http://127.0.0.1/token", "ftp://registry.example.com/"]
)
def test_a_registry_elsewhere_is_never_spoken_to_in_the_clear(way: str) -> None:
    with pytest.raises(OpsctlError, match="not encrypted"):
        check_way("https://registry.example.com", way)
