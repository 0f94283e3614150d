"""Read replicas that an update deletes: CloudFormation can't, while they are protected, and says UPDATE_COMPLETE.

A replica holds nothing that its source does not have, so its protection goes with its place in the template. It is
lifted right before the update, when the change set that deletes it has been accepted.
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_DeleteInstance.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from opsctl.deploy.planning import compare
from opsctl.deploy.stackrun.removal import DATABASE

if TYPE_CHECKING:
    from opsctl.aws.cloudformation import Change


def read_problems(deployed: str, wanted: str, service_host: str | None, env: str) -> tuple[str, ...]:
    """Why the replica can't leave the template yet. `service_host` is where the deployed service reads, if it does.

    Its stack comes before the service's, which would read from a host that is gone until its own turn.
    """
    if service_host is None or deployed == wanted or not replicas_of(deployed) - replicas_of(wanted):
        return ()
    return (
        "rds.enable_replica: the service reads from the replica until it is deployed without it. "
        f"With it off, run `opsctl deploy --env {env} front app` first, then the deploy that removes the replica.",
    )


def leaving(deployed: str, changes: Iterable[Change]) -> frozenset[str]:
    """Logical ids of the replicas of the template in force that these changes delete, by dropping or replacing them."""
    known = replicas_of(deployed)
    return frozenset(
        change.logical_id
        for change in changes
        if change.type == DATABASE
        and (change.action == "Remove" or change.replacement in {"True", "Conditional"})
        and change.logical_id in known
    )


def replicas_of(template: str) -> frozenset[str]:
    """Logical ids of the read replicas in a template."""
    resources = compare.resources_of(template)
    return frozenset(
        name for name, item in resources.items() if "SourceDBInstanceIdentifier" in item.get("Properties", {})
    )
