"""The application's secrets: whether they are there, what is derived from them, and when tasks have to read them anew.

Values are read for two purposes only, to put a derived secret together and to keep them out of records, and are kept
nowhere.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opsctl.aws.errors import AwsError
from opsctl.aws.secrets import STAMP_TAG, KnownSecret, Secrets
from opsctl.config import naming, placeholder
from opsctl.config.application import Application
from opsctl.config.checked import tuples
from opsctl.config.models import Environment
from opsctl.config.placeholder import Placeholder
from opsctl.deploy.planning.state import RemoteState
from opsctl.errors import OpsctlError
from opsctl.stacks.parts.values import Source, rendered
from opsctl.stacks.parts.variables import Derived, derived

if TYPE_CHECKING:
    from opsctl.aws.session import Aws

GENERATED_LENGTH = 64
RECOVERY_DAYS = 7
"""For so long a secret that was removed can be brought back, by setting it or in the console."""
_ALPHABET = string.ascii_letters + string.digits


class SecretMissingError(OpsctlError):
    """A secret that the application names was never set."""

    code = "secret-missing"


@dataclass
class ApplicationSecrets:
    """Secrets of one environment, as one look at Secrets Manager found them."""

    env: Environment
    aws: Aws
    known: dict[str, KnownSecret] = field(default_factory=dict)

    @property
    def store(self) -> Secrets:
        """Secrets Manager; not before it is needed."""
        return self.aws.secrets

    @property
    def used(self) -> bool:
        """Whether there is anything to look at."""
        return bool(self.env.application.secrets) or bool(self._derived)

    @property
    def _derived(self) -> tuple[Derived, ...]:
        return derived(self.env)

    def look(self, state: RemoteState) -> None:
        """Read what is there: names and versions, no values."""
        if not self.used:
            return
        self.known = {}
        places = {
            naming.secret_name(self.env, name): source if source.startswith("arn:") else ""
            for name, source in self.env.application.secrets.items()
        }
        for name, foreign in {**places, **dict.fromkeys((each.name for each in self._derived), "")}.items():
            if (found := self.store.describe(foreign or name)) is not None:
                if not foreign:
                    refuse_anothers(self.env, found)
                self.known[name] = found
        # secret_key and the database's login are stacks' own, and their names CloudFormation's.
        for stack, output in (("platform", "DjangoSecretArn"), ("data", "LoginSecretArn")):
            place = state.outputs(stack).get(output)
            if place is not None and self._names(output) and (found := self.store.describe(place)) is not None:
                self.known[place] = found

    def values(self, state: RemoteState) -> list[str]:
        """What only the application's tasks may know, as far as it can be read: to be kept out of records."""
        own = (state.outputs("platform").get("DjangoSecretArn"), state.outputs("data").get("LoginSecretArn"))
        found = []
        for place in dict.fromkeys((*self.known, *filter(None, own))):
            with contextlib.suppress(AwsError):
                found.append(self.store.read(self.known[place].name if place in self.known else place) or "")
        return found

    def problems(self) -> tuple[str, ...]:
        """Secrets without a value that no deploy can make up."""
        missing = [
            name for name, source in self.env.application.secrets.items()
            if source != "generate" and not self._version(naming.secret_name(self.env, name))
        ]  # fmt: skip
        return tuple(
            f"The secret {name} has no value: `opsctl secret set {name} --env {self.env.name}` gives it one"
            if self.env.application.secrets[name] == "set"
            else f"The secret {name} is {self.env.application.secrets[name]}, which is not there"
            for name in missing
        )

    def due(self, state: RemoteState, digest: str) -> bool:
        """Whether a deploy has to write one: a generated one that is missing, or a derived one that is out of date."""
        return any(self._missing_generated()) or any(self._is_stale(each, state, digest) for each in self._derived)

    def stamp(self, state: RemoteState, digest: str) -> str | None:
        """Changes whenever a task that starts now would read something else; None before that can be told."""
        if not self.used:
            return "0"
        parts = [self._version(naming.secret_name(self.env, name)) for name in self.env.application.secrets]
        for each in self._derived:
            made_from = self._made_from(each, state, digest)
            if made_from is None:
                return None
            parts.append(made_from)
        if any(self._missing_generated()):
            return None
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]

    def write(self, state: RemoteState, digest: str) -> int:
        """Make what is missing and put together what is out of date; answers how many were written.

        Raises SecretMissingError and AwsError.
        """
        if not self.used:
            return 0
        self.look(state)
        key, tags, written = state.outputs("platform").get("DataKeyArn"), secret_tags(self.env), 0
        for name in self._missing_generated():
            value = "".join(secrets.choice(_ALPHABET) for _ in range(GENERATED_LENGTH))
            self.store.make(naming.secret_name(self.env, name), value, key=key, tags=tags)
            written += 1
        if written:
            self.look(state)
        for each in self._derived:
            if self._is_stale(each, state, digest):
                made_from = self._made_from(each, state, digest) or ""
                self.store.write(
                    each.name, self._text(each, state, digest), key=key, tags={**tags, STAMP_TAG: made_from}
                )
                written += 1
        if key is not None:
            for secret in [item for item in self.known.values() if item.name.startswith(_prefix(self.env))]:
                if secret.key != key:
                    self.store.encrypt(secret.name, key)
        if written:
            self.look(state)
        return written

    def forget(self, before: Mapping[str, Any] | None) -> list[str]:
        """Let go of what the release with the application block `before` read, and this one does not; answers names.

        A rollback to it brings them back, or makes them anew once they are gone for good.
        """
        try:
            application = Application.model_validate(tuples(json.loads(json.dumps(before or {}))))
        except ValueError:  # another opsctl's block
            return []
        read = derived(self.env.model_copy(update={"application": application}))
        unread = sorted({each.name for each in read} - {each.name for each in self._derived})
        for name in unread:
            if self.store.describe(name) is not None:
                self.store.remove(name, days=RECOVERY_DAYS)
        return unread

    def _names(self, output: str) -> bool:
        """Whether a derived secret is made from the secret with this output."""
        named = {part.name for each in self._derived for part in placeholder.named(each.text)}
        if output == "DjangoSecretArn":
            return "secret_key" in named
        return any(name.startswith(("database.", "replica.")) for name in named)

    def _missing_generated(self) -> list[str]:
        return [
            name for name, source in self.env.application.secrets.items()
            if source == "generate" and not self._version(naming.secret_name(self.env, name))
        ]  # fmt: skip

    def _version(self, name: str) -> str:
        found = self.known.get(name)
        return found.version if found is not None else ""

    def _is_stale(self, each: Derived, state: RemoteState, digest: str) -> bool:
        found = self.known.get(each.name)
        return found is None or not found.version or found.stamp != self._made_from(each, state, digest)

    def _made_from(self, each: Derived, state: RemoteState, digest: str) -> str | None:
        """A hash of what a derived secret is made from: text, outputs, and versions of the secrets in it."""
        versions: list[str] = []

        def version(part: Placeholder) -> str:
            versions.append(self._version(self._listed(part, state)))
            return f"<{part.name}>"

        try:
            text = rendered(self._source(state, digest, version), placeholder.parse(each.text), self._user())
        except KeyError:
            return None  # a stack whose output it needs was not deployed yet
        if "" in versions:
            return None
        return hashlib.sha256("\0".join([text, *versions]).encode()).hexdigest()[:16]

    def _text(self, each: Derived, state: RemoteState, digest: str) -> str:
        def value(part: Placeholder) -> str:
            place = self._place(part, state)
            text = self.store.read(place)
            if text is None:
                raise SecretMissingError(f"The secret of {part.name} has no value.")
            return _field(text, part) if part.group in {"database", "replica"} else text

        return str(rendered(self._source(state, digest, value), placeholder.parse(each.text), self._user()))

    def _place(self, part: Placeholder, state: RemoteState) -> str:
        """Where the value of a secret placeholder lies. Raises KeyError while that is not there."""
        if part.name == "secret_key":
            return state.outputs("platform")["DjangoSecretArn"]
        if part.group == "secrets":
            source = self.env.application.secrets[part.key]
            return source if source.startswith("arn:") else naming.secret_name(self.env, part.key)
        return state.outputs("data")["LoginSecretArn"]

    def _listed(self, part: Placeholder, state: RemoteState) -> str:
        """Under which name `known` has it."""
        return naming.secret_name(self.env, part.key) if part.group == "secrets" else self._place(part, state)

    def _source(self, state: RemoteState, digest: str, secret: Any) -> Source:
        return Source(
            self.env,
            output=lambda stack, name: state.outputs(stack)[name],
            region=lambda: self.env.region,
            digest=lambda: digest,
            secret=secret,
        )

    def _user(self) -> str:
        return self.env.rds.app_user


def secret_tags(env: Environment) -> dict[str, str]:
    """What every secret of the application is tagged with."""
    return {"managed-by": "opsctl", "environment": env.name, "service": env.service, "client": env.client}


def refuse_anothers(env: Environment, found: KnownSecret) -> None:
    """Raise OpsctlError for another client's secret: names of secrets say environment and service alone.

    Those that opsctl made earlier don't say whose they are.
    """
    if found.client not in {"", env.client}:
        raise OpsctlError(
            f"The secret {found.name} belongs to the client {found.client}, and {env.name} is {env.client}'s.",
            code="another-clients-secret",
            hint="Clients with one environment and service need an account or a region each. Where the client has "
            "another name now, remove the secret's tag `client`.",
        )


def _field(text: str, part: Placeholder) -> str:
    """Name or password of the login's secret. Its characters need no escaping in a URL."""
    values: Mapping[str, str] = json.loads(text)
    return values["username" if part.key == "user" else "password"]


def _prefix(env: Environment) -> str:
    return naming.secret_name(env, "").removesuffix("secrets/")
