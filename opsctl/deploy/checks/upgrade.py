"""Whether a running database can take the engine version that is configured, before RDS refuses it minutes in.

The two templates say whether it changes; only then is the account asked.
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_UpgradeDBInstance.PostgreSQL.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from opsctl.deploy.planning import compare

if TYPE_CHECKING:
    from opsctl.aws.account import Account

_DATABASE = "Database"


def version_problems(
    deployed: str, wanted: str, identifier: str, account: Account, *, replica: bool
) -> tuple[str, ...]:
    """Why the database `identifier` can't go from one template's version to the other's, each in a sentence.

    `replica`: one is deployed. Nothing is asked when the version stays. Raises AwsError.
    """
    if deployed == wanted:
        return ()
    before, after = compare.resources_of(deployed), compare.resources_of(wanted)
    old, new = _version(before), _version(after)
    if old is None or new is None or old == new:
        return ()
    database = account.database(identifier)
    # The template in force may be ahead of it: an upgrade that RDS gave up is UPDATE_COMPLETE all the same.
    running = database.version if database is not None else old
    told = tuple(_by_major(running, new, after, replica=replica))
    return told if told or database is None else tuple(_by_account(running, new, account))


def major_version(body: str) -> str:
    """The major version that a template asks for, such as `18`; "" for one without a database."""
    return _major(_version(compare.resources_of(body)) or "")


def reminders(deployed: str, wanted: str) -> tuple[str, ...]:
    """What to switch off again when an upgrade that was allowed is done."""
    before, after = compare.resources_of(deployed), compare.resources_of(wanted)
    both = all(_properties(item).get("AllowMajorVersionUpgrade") for item in (before, after))
    if not both or _version(before) != _version(after):
        return ()
    return (
        "rds.allow_major_version_upgrade is still true, so editing engine_version is enough for the next major "
        "upgrade. Set it to false.",
    )


def _properties(resources: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = resources.get(_DATABASE, {}).get("Properties", {})
    return found


def _version(resources: dict[str, Any]) -> str | None:
    version = _properties(resources).get("EngineVersion")
    return None if version is None else str(version)


def _by_major(running: str, new: str, after: dict[str, Any], *, replica: bool) -> Iterator[str]:
    """A major version goes up when that was asked for, without a replica beside it, and never down."""
    if _major(new) == _major(running):
        return
    if version_number(_major(new)) < version_number(_major(running)):
        yield (
            f"rds.engine_version: the database runs PostgreSQL {running}, and RDS has no way back to {new}. "
            f'Write "{_major(running)}".'
        )
        return
    if not _properties(after).get("AllowMajorVersionUpgrade"):
        yield (
            f"rds.engine_version: from PostgreSQL {_major(running)} to {_major(new)} RDS stops the database for "
            "minutes and there is no way back but a snapshot. To have that, set rds.allow_major_version_upgrade to "
            "true."
        )
    if replica:
        # RDS would upgrade it along with its source, while CloudFormation is about to give it the new parameter group.
        yield (
            "rds.engine_version: the read replica would be upgraded along with its source, outside CloudFormation. "
            "Deploy with rds.enable_replica set to false first, and switch it on again when the upgrade is done."
        )


def _by_account(running: str, new: str, account: Account) -> Iterator[str]:
    """Not every version leads to every other, and the one that runs may be ahead of the template's."""
    wanted = new if "." in new else account.default_version(new)
    if wanted is None:
        yield f"rds.engine_version: RDS has no PostgreSQL {new} in this region."
        return
    if version_number(wanted) <= version_number(running):
        if "." in new and wanted != running:
            yield (
                f"rds.engine_version: the database runs {running}, and RDS has no way back to {new}. "
                f'Write "{running}", or "{_major(running)}" to have minor updates follow by themselves.'
            )
        return
    targets = account.upgrade_targets(running)
    if wanted not in targets:
        ways = ", ".join(sorted(targets, key=version_number)) or "no other version"
        yield f"rds.engine_version: RDS has no way from {running} to {wanted}. From {running} it goes to {ways}."


def _major(version: str) -> str:
    return version.partition(".")[0]


def version_number(version: str) -> tuple[int, ...]:
    """`18.10` is above `18.9`. What follows the numbers, as in `18.1-R2`, does not count."""
    return tuple(int(part) for part in version.partition("-")[0].split(".") if part.isdigit())
