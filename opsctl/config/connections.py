"""How many connections to the database the tasks may open, and how many it takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from opsctl.config.application import Process, Web, Worker
from opsctl.config.problem import Problem

if TYPE_CHECKING:
    from opsctl.config.models import Environment

GIB = 1024**3
SHARE = 0.8
"""The share of a database's connections that tasks may open: the rest is for people, for RDS itself, and for the time
until somebody reads the alarm.
"""
_NAMED = 4
_RESERVE = 10  # of a role, for a shell or a probe that comes on top of the tasks
# GiB of memory of a class's smallest sizes; from `large` on each step doubles. [RDS instance class tables]
_SMALL = {"nano": 0.5, "micro": 1.0, "small": 2.0, "medium": 4.0}
_LARGE = {"t": 8, "m": 8, "r": 16, "x": 32, "c": 4}


def max_connections(instance_class: str) -> int | None:
    """What RDS for PostgreSQL sets by itself: LEAST(memory / 9531392, 5000). [UG RDS Limits]

    About a tenth of the memory is taken before the database counts it. None for a size that is not known here.
    """
    memory = _memory_gib(instance_class)
    return None if memory is None else min(5000, int(memory * GIB * 0.9 / 9_531_392))


def _memory_gib(instance_class: str) -> float | None:
    """GiB of `db.t4g.micro` and the like."""
    _, family, size = instance_class.split(".")
    if size in _SMALL:
        return _SMALL[size]
    large = _LARGE.get(family[0])
    times = 1 if size == "large" else 2 if size == "xlarge" else _multiple(size) * 2
    return float(large * times) if large and times else None


def _multiple(size: str) -> int:
    """8 of `8xlarge`; 0 of anything else."""
    digits = size.removesuffix("xlarge")
    return int(digits) if digits.isdigit() else 0


def class_for(needed: int, least: str = "micro") -> str:
    """The smallest burstable class from `least` on that takes so many connections, or the largest that there is."""
    sizes = ("micro", "small", "medium", "large", "xlarge", "2xlarge")
    found = [f"db.t4g.{size}" for size in sizes[sizes.index(least) :]]
    return next((each for each in found if needed <= int((max_connections(each) or 0) * SHARE)), found[-1])


def per_task(process: Process) -> int:
    """Connections that one task may open: a thread of Django has one, and keeps it."""
    if process.connections is not None:
        return process.connections
    return process.workers * process.threads if isinstance(process, Web) else 2


def most(process: Process) -> int:
    """Connections that a process's tasks may have open at once. While a deploy rolls, old and new ones are there."""
    if not isinstance(process, Web | Worker):
        return per_task(process)
    rolling = 1 if isinstance(process, Worker) and process.singleton else 2
    return rolling * process.count[1] * per_task(process)


def user_connections(env: Environment) -> int:
    """What the tasks that log in as the service's own role may open."""
    return sum(most(process) for name, process in env.application.processes() if env.login_role(name) == "user")


def user_connection_limit(env: Environment) -> int:
    """The role's limit: as given, else what its tasks may open and a few more."""
    given = env.rds.app_user_connection_limit
    return given if given is not None else user_connections(env) + _RESERVE


def connections(env: Environment) -> Iterator[Problem]:
    """No task is ever refused: the role's limit has room for all of them, and the database for all roles.

    A replica is of its source's class, and whoever reads from it has a connection to its source as well.
    """
    if env.target == "local":
        return
    needed, given = user_connections(env), env.rds.app_user_connection_limit
    limited = not env.application.database.owner
    if limited and given is not None and given < needed:
        yield Problem(
            ("rds", "app_user_connection_limit"),
            f"{given} connections are less than the {needed} that tasks of {env.rds.app_user} may open while a deploy "
            f"rolls ({_sum(env, 'user')})",
            f"Write {needed + _RESERVE} or remove it, or lower count, workers or threads.",
            (("application", "web", "count"),),
        )
    takes = max_connections(env.rds.instance_class)
    if takes is None:
        return
    room, total = int(takes * SHARE), sum(most(process) for _, process in env.application.processes())
    if total > room:
        yield Problem(
            ("rds", "instance_class"),
            f"{env.rds.instance_class} takes {takes} connections, and the tasks may open {total} while a deploy rolls "
            f"({_sum(env)}), which is more than {SHARE:.0%} of them ({room})",
            "Choose a larger class, or lower counts, workers or threads.",
            (("application", "web", "count"),),
        )
    elif limited and given is not None and given > room:
        yield Problem(
            ("rds", "app_user_connection_limit"),
            f"{env.rds.instance_class} takes {takes} connections, and {given} are more than {SHARE:.0%} of them "
            f"({room})",
            f"Write {room} or less, or choose a larger class.",
            (("rds", "instance_class"),),
        )


def _sum(env: Environment, role: str | None = None) -> str:
    """`web 2 × 12 tasks × 8, report 2`: the largest first, the rest as one."""
    processes = [each for each in env.application.processes() if role is None or env.login_role(each[0]) == role]
    processes.sort(key=lambda each: -most(each[1]))
    parts = [f"{name} {_product(process)}" for name, process in processes[:_NAMED]]
    rest = sum(most(process) for _, process in processes[_NAMED:])
    return ", ".join([*parts, f"{rest} of {len(processes) - _NAMED} others"] if rest else parts)


def _product(process: Process) -> str:
    if not isinstance(process, Web | Worker):
        return str(per_task(process))
    rolling = "" if isinstance(process, Worker) and process.singleton else "2 × "
    return f"{rolling}{process.count[1]} task{'s' * (process.count[1] > 1)} × {per_task(process)}"
