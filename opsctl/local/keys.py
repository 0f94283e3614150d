"""Who may use a local target: its own access key, and those of the tasks and functions that run in it.

Loopback is every user's, so the emulator answers calls that are signed with one of these alone. The target's own key
lies in its state, for its owner only; what else asks for a password gets one that is derived from it. Standard library
only: `target` imports this on its fast path.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field

from opsctl.local.state import StateDir, read_json, write_json

_PROOF_SECONDS = 60
ANSWER_PROOF = "X-Opsctl-Proof"


@dataclass(frozen=True)
class AccessKey:
    """An access key; `token` belongs to those that end, as on AWS."""

    id: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)

    @classmethod
    def random(cls, token: str = "") -> AccessKey:
        return cls(f"LOCAL{secrets.token_hex(8).upper()}", secrets.token_urlsafe(32), token)

    def derived(self, purpose: str) -> str:
        """A password for one purpose, which tells nothing of the secret."""
        return derived(self.secret, purpose)

    def proof(self, method: str, path: str, at: int) -> str:
        """What opsctl's own question to the emulator, asked at this time, carries in `Authorization`: good for this
        question alone, should another program sit at the emulator's port.
        """
        return f"{at}:{self.derived(f'{method} {path} {at}')}"

    def answer_proof(self, question: str, body: bytes) -> str:
        """What the answer to the question with this proof carries: that it comes from who has the key, as it is."""
        return self.derived(f"answer {question} {body.decode('latin-1')}")

    def proves(self, given: str, method: str, path: str, now: float) -> bool:
        """Whether this is the proof of such a question, of the last minute."""
        at, _, _ = given.partition(":")
        # Python reads no number of thousands of digits.
        if not at.isdecimal() or len(at) > 12 or abs(now - int(at)) > _PROOF_SECONDS:
            return False
        return hmac.compare_digest(given.encode(), self.proof(method, path, int(at)).encode())

    @property
    def registry_password(self) -> str:
        """The password of the user AWS at the emulated ECR's registry."""
        return self.derived("registry")


def derived(secret: str, purpose: str) -> str:
    """A password for one purpose, from which the secret can't be found."""
    return hmac.new(secret.encode(), purpose.encode(), "sha256").hexdigest()


def load(state: StateDir) -> AccessKey:
    """The target's own key; an empty one, which opens nothing, before its first start."""
    record = read_json(state.key)
    return AccessKey(str(record.get("id", "")), str(record.get("secret", "")))


def ensure(state: StateDir) -> AccessKey:
    """The target's own key, made when there is none."""
    found = load(state)
    if not (found.id and found.secret):
        found = AccessKey.random()
        write_json(state.key, {"id": found.id, "secret": found.secret})
    return found


class Keys:
    """The keys that are good at this moment."""

    def __init__(self, own: AccessKey) -> None:
        self.own = own
        self._all = {own.id: own} if own.secret else {}
        self._of_tasks: set[str] = set()  # ended ones too: a request of the last moment stays a task's

    def find(self, key_id: str) -> AccessKey | None:
        return self._all.get(key_id)

    def issue(self, *, task: bool = False) -> AccessKey:
        """A new key, for a function or for a task, which may do less."""
        key = AccessKey.random(secrets.token_urlsafe(32))
        self._all[key.id] = key
        if task:
            self._of_tasks.add(key.id)
        return key

    def is_of_task(self, key_id: str) -> bool:
        return key_id in self._of_tasks

    def revoke(self, key: AccessKey) -> None:
        self._all.pop(key.id, None)
