"""The repositories that images lie in, and who asks there."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from opsctl.errors import UsageError
from opsctl.images.names import ImageName
from opsctl.images.registry.auth import RegistryLogin
from opsctl.images.registry.logins import stored_login
from opsctl.images.registry.repository import Repository
from opsctl.images.registry.transport import Transport

if TYPE_CHECKING:
    from opsctl.operate.target import Target


def repository_of(target: Target, *, writable: bool = False) -> Repository:
    """The environment's own image repository: ECR, or the emulator's."""
    aws, env = target.aws, target.env

    def login() -> RegistryLogin:
        answer = aws.ecr.authorization()
        return RegistryLogin(answer.user, answer.password)

    if aws.endpoint is not None:
        host = urlsplit(aws.endpoint.url).netloc
    else:
        from opsctl.deploy.image import image_uri

        account = target.repository_account or aws.identity().account_id
        host = image_uri(account, env.region, env.ecs.repository_name, "").partition("/")[0]
    name = ImageName(host, env.ecs.repository_name)
    prove = aws.endpoint.prove if aws.endpoint is not None else None
    return Repository(name, Transport(name.url, login, prove), push=writable)


def other_repository(text: str, user: str | None, password: str | None) -> Repository:
    """A repository that somebody named; the login is the one given, else the one that this machine keeps."""
    name = ImageName.parse(text)
    if name.tag or name.digest:
        raise UsageError(f"`{text}` names an image, not a repository.", hint="Leave the tag away; --tag says it.")
    if password is not None and not user:
        raise UsageError("A password needs a user.", hint="Name one with --username.")
    login = RegistryLogin(user, password or "") if user else stored_login(name.registry)
    return Repository(name, Transport(name.url, lambda: login), push=True)
