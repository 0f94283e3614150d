"""A running DB instance, and its subnet group, come into a stack by a change set that imports what exists.

ministack imports other types, and takes no property of the template over; CloudFormation brings an instance to it.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-dbinstance.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from opsctl.local.emulator.seams import Modules
from opsctl.local.state import Json

_INSTANCE, _GROUP = "AWS::RDS::DBInstance", "AWS::RDS::DBSubnetGroup"
# Of one that runs; another value would be another instance. [Schema]
_CREATE_ONLY = {"DBInstanceIdentifier", "DBName", "DBSubnetGroupName", "KmsKeyId", "MasterUsername", "StorageEncrypted"}
# NOTE: ministack replaces an instance of which one of these changes, which for PostgreSQL only happens in place, so
# that they stay as they are here.
_LEFT_ALONE = {
    "AutoMinorVersionUpgrade", "BackupRetentionPeriod", "DBParameterGroupName", "Engine", "MultiAZ",
    "PreferredMaintenanceWindow",
}  # fmt: skip


def install(modules: Modules, make_ready: Callable[[str], str]) -> None:
    """Register both types; call it when the handlers of DB instances are those that are backed by a server.

    `make_ready` waits for an instance's server, and answers what keeps that from running, "" when it runs.
    """
    rds, lookups = modules.rds, modules.changesets._IMPORT_LOOKUPS
    handlers = modules.provisioners._RESOURCE_HANDLERS
    lookups[_INSTANCE] = (("DBInstanceIdentifier",), _missing(rds._instances, "DBInstance"))
    lookups[_GROUP] = (("DBSubnetGroupName",), _missing(rds._subnet_groups, "DBSubnetGroup"))

    def import_instance(identifier: Json) -> tuple[str, Json]:
        name = identifier["DBInstanceIdentifier"]
        return name, modules.provisioners._rds_db_instance_attrs(rds._instances[name])

    def import_group(identifier: Json) -> tuple[str, Json]:
        name = identifier["DBSubnetGroupName"]
        return name, {"DBSubnetGroupArn": rds._subnet_groups[name]["DBSubnetGroupArn"]}

    handlers[_INSTANCE]["import"] = import_instance
    handlers[_GROUP]["import"] = import_group
    _brought_to_the_template(modules.stacks, handlers[_INSTANCE], rds._instances, _awaited(modules, make_ready))
    _instances_move(rds)


def _missing(known: Any, kind: str) -> Callable[[str], str | None]:
    return lambda name: None if name in known else f"{kind} {name} not found."


def _awaited(modules: Modules, make_ready: Callable[[str], str]) -> dict[str, str]:
    """What keeps servers of instances that are being imported from running, by instance, once they were waited for.

    ministack imports on its event loop, where nothing else is answered meanwhile: so the servers are waited for in a
    thread, before the operation begins.
    """
    deploy, failures = modules.changesets._deploy_stack_async, dict[str, str]()

    async def deploy_with_servers(*arguments: Any, **options: Any) -> None:
        for identifier in (options.get("imports") or {}).values():
            if name := identifier.get("DBInstanceIdentifier"):
                failures[name] = await asyncio.to_thread(make_ready, name)
        await deploy(*arguments, **options)

    modules.changesets._deploy_stack_async = deploy_with_servers
    return failures


def _brought_to_the_template(stacks: Any, handler: Json, instances: Any, failures: dict[str, str]) -> None:
    """The properties of what is imported are known where its tags are put to them, right before."""
    with_tags, adopt = stacks._with_stack_tags, stacks._adopt_resource
    wanted: Json = {}  # of the instance that was seen last

    def with_tags_noted(
        resource_type: str, props: Json, stack_tags: Any, stack_name: str, stack_id: str, logical_id: str
    ) -> Json:
        nonlocal wanted
        made: Json = with_tags(resource_type, props, stack_tags, stack_name, stack_id, logical_id)
        if resource_type == _INSTANCE:
            wanted = made
        return made

    def adopt_and_change(
        stack_id: str, stack_name: str, logical_id: str, resource_type: str, identifier: Json
    ) -> tuple[str, Json]:
        found: tuple[str, Json] = adopt(stack_id, stack_name, logical_id, resource_type, identifier)
        if resource_type != _INSTANCE:
            return found
        name, new = found[0], wanted
        _refuse_another(instances[name], new)
        if failure := failures.pop(name, ""):
            raise ValueError(f"The local PostgreSQL does not run: {failure}")
        old = {key: value for key, value in new.items() if key in _CREATE_ONLY | _LEFT_ALONE}
        changed: tuple[str, Json] = handler["update"](name, old, new, stack_name, logical_id)
        return changed

    stacks._with_stack_tags, stacks._adopt_resource = with_tags_noted, adopt_and_change


def _refuse_another(instance: Json, props: Json) -> None:
    now = {**instance, "DBSubnetGroupName": instance["DBSubnetGroup"]["DBSubnetGroupName"]}
    for key in sorted(_CREATE_ONLY & props.keys()):
        if str(now.get(key, "")).lower() != str(props[key]).lower():
            raise ValueError(
                f"{key} of DBInstance {instance['DBInstanceIdentifier']} is {now.get(key)}, not {props[key]}."
            )


def _instances_move(rds: Any) -> None:
    """ModifyDBInstance puts an instance into another subnet group; ministack leaves it where it is."""
    modify = rds._ACTION_MAP["ModifyDBInstance"]

    def modify_and_move(params: Json) -> Any:
        answer, group = modify(params), rds._p(params, "DBSubnetGroupName")
        if answer[0] == 200 and group:
            instance = rds._resolve_instance(rds._p(params, "DBInstanceIdentifier"))
            instance["DBSubnetGroup"] = rds._subnet_groups[group]
        return answer

    rds._ACTION_MAP["ModifyDBInstance"] = modify_and_move
