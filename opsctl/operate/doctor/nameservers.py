"""Which name servers the internet knows for a domain: one question to this machine's resolver, by DNS itself.

The standard library asks for addresses only. RFC 1035, sections 4.1 and 4.1.4.
"""

from __future__ import annotations

import secrets
import socket
import struct
from pathlib import Path

_NS, _INTERNET = 2, 1
_SECONDS = 3.0
_NO_SUCH_NAME = 3
# A name has 127 labels at most; more is a circle.
_MOST_LABELS = 127


class NoAnswerError(Exception):
    """The resolver did not answer, or with something else than DNS; its text says how."""


def delegated(domain: str) -> frozenset[str]:
    """What `name_servers` says, by this machine's first resolver."""
    return name_servers(domain, (resolver(), 53))


def resolver(path: Path = Path("/etc/resolv.conf")) -> str:
    """The first resolver of this machine. Raises NoAnswerError when none is named."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise NoAnswerError(f"{path} can't be read: {error.strerror}") from None
    found = [words[1] for line in lines if len(words := line.split()) > 1 and words[0] == "nameserver"]
    if not found:
        raise NoAnswerError(f"{path} names no resolver")
    return found[0]


def name_servers(domain: str, server: tuple[str, int]) -> frozenset[str]:
    """Its name servers, in lower case, no final dot; none where nobody has delegated it. Raises NoAnswerError."""
    number = secrets.randbelow(65536)
    question = b"".join(bytes([len(label)]) + label for label in domain.rstrip(".").encode("idna").split(b".")) + b"\0"
    packet = struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + question + struct.pack("!2H", _NS, _INTERNET)
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.settimeout(_SECONDS)
            sock.connect(server)
            sock.send(packet)
            answer = sock.recv(4096)
    except OSError as error:
        raise NoAnswerError(f"the resolver {server[0]} does not answer ({error})") from None
    try:
        return _servers(answer, number)
    except (IndexError, struct.error, UnicodeDecodeError):
        raise NoAnswerError(f"the resolver {server[0]} answers something else than DNS") from None


def _servers(answer: bytes, number: int) -> frozenset[str]:
    found, flags, questions, answers, _, _ = struct.unpack_from("!6H", answer)
    if found != number:
        raise IndexError
    code = flags & 0xF
    if code == _NO_SUCH_NAME:
        return frozenset()
    if code:
        raise NoAnswerError(f"the resolver can't tell (code {code})")
    at = 12
    for _ in range(questions):
        at = _name(answer, at)[1] + 4
    names = set()
    for _ in range(answers):
        at = _name(answer, at)[1]
        kind, _, _, length = struct.unpack_from("!2HIH", answer, at)
        at += 10
        if kind == _NS:
            names.add(_name(answer, at)[0].lower())
        at += length
    return frozenset(names)


def _name(data: bytes, at: int) -> tuple[str, int]:
    """A name that begins there, and where what follows it begins; the rest of a name may stand elsewhere."""
    labels: list[str] = []
    after: int | None = None
    for _ in range(_MOST_LABELS):
        length = data[at]
        if length & 0xC0 == 0xC0:
            after = at + 2 if after is None else after
            at = (length & 0x3F) << 8 | data[at + 1]
        elif length:
            labels.append(data[at + 1 : at + 1 + length].decode("ascii"))
            at += 1 + length
        else:
            return ".".join(labels), at + 1 if after is None else after
    raise IndexError
