"""What clients have not read of their answers has limits, and whoever reaches one ends no worker."""

from __future__ import annotations

import pytest

from tests.functional.layer.gunicorns import VERSIONS, run_beside

_OWED = """
import errno, selectors, socket, types
import opsctl_gunicorn
from opsctl_answers import Unsent
from opsctl_clients import Client
from opsctl_gunicorn import Intake, Listener

cfg = types.SimpleNamespace(threads=2, keepalive=20, worker_connections=3)
intake, ends = Intake(types.SimpleNamespace(cfg=cfg, alive=True)), []

def client(answer):
    ours, theirs = socket.socketpair()
    ends.append(theirs)
    made = Client(fileno=ours.detach())
    made.setblocking(False)
    made.held, made.unsent, made.intake = bytearray(), Unsent(), intake
    made.unsent.add(answer)
    assert not made.unsent.send(made)
    return made

def owe(answer):
    made = client(answer)
    intake.register(made, selectors.EVENT_READ)
    return made

def leave(answer):
    made = client(answer)
    unsent = made.unsent
    made.close()
    return unsent

def look():
    intake._checked = 0.0
    return [key.fileobj for key, _ in intake.select(0) if isinstance(key.fileobj, Client)]

"""
_LATE = """
owed, leaving = [owe(bytes(500_000)) for _ in "ab"], [leave(bytes(500_000)) for _ in "ab"]
for late in (owed[0].unsent, leaving[0]):
    late._late = 30.1
for timely in (owed[1].unsent, leaving[1]):
    timely._late = 29
print(look() == owed[:1], [bool(each) for each in (owed[0].unsent, owed[1].unsent, *leaving)])
"""
_TOO_MUCH = """
owed, leaving = [owe(bytes(13 << 20)) for _ in "abc"], [leave(bytes(1 << 20)) for _ in "ab"]
print(look() == owed[:1], [bool(each) for each in (*(client.unsent for client in owed), *leaving)])
print(intake.room == opsctl_gunicorn.UNSENT_BYTES)
owe(bytes(6 << 20))
look()
print(intake.room)
"""
_LEAVING = """
leaving = [leave(bytes(500_000)) for _ in range(5)]
print([bool(each) for each in leaving], len(intake.get_map()))
"""
_NO_FILE = """
class Full:
    def accept(self):
        raise OSError(number, "no more")

leaving, owed = [leave(bytes(500_000)) for _ in "ab"], owe(bytes(500_000))
listener = Listener(Full(), intake)
for number in (errno.EMFILE, errno.ENFILE, errno.EMFILE, errno.EMFILE, errno.ENOMEM):
    try:
        listener.accept()
    except OSError as error:
        print(errno.errorcode[error.errno], [bool(each) for each in (*leaving, owed.unsent)])
"""
_MEANWHILE = """
class Passing:
    # Counted by the main thread while a thread adds another.
    size = 0
    @property
    def held(self):
        intake._leaving.setdefault(object(), Unsent())
        return 0
    def is_late(self, patience):
        return False

intake._leaving[object()] = Passing()
look()
intake._leaving.clear()

class Ended(Unsent):
    # Found writable, and ended by the time gunicorn calls what was registered.
    def is_late(self, patience):
        return True

ours, theirs = socket.socketpair()
made = Client(fileno=ours.detach())
made.held, made.unsent, made.intake = bytearray(), Ended(), intake
made.unsent.add(b"x")
made.close()
intake._checked = 0.0
for key, _ in intake.select(0):
    print("writable")
    key.data(key.fileobj)
"""


@pytest.mark.parametrize(
    ("program", "printed"),
    [
        (_LATE, "True [False, True, False, True]\n"),
        (_TOO_MUCH, "True [False, True, True, False, False]\nTrue\n0\n"),
        (_LEAVING, "[False, False, True, True, True] 3\n"),
        (_NO_FILE, "EAGAIN [False, True, True]\nEAGAIN [False, False, True]\nEAGAIN [False, False, False]\n"
                   "EAGAIN [False, False, False]\nENOMEM [False, False, False]\n"),
        (_MEANWHILE, "writable\n"),
    ],
    ids=["late", "too much", "leaving", "no file", "meanwhile"],
)  # fmt: skip
def test_what_clients_have_not_read_has_limits_and_ends_no_worker(program: str, printed: str) -> None:
    assert run_beside(VERSIONS[0], _OWED + program) == printed
