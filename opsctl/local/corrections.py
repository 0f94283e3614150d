"""Types that ministack has, where what a template sees differs from AWS.

NOTE: each entry is a difference measured on ministack 1.5.33 that would make a template which is right on AWS fail
here.
"""

from __future__ import annotations

from typing import Any

from opsctl.local.state import Json


def install(provisioners: Any, secrets: Any) -> None:
    """Correct the registered handlers in place."""
    _secret_ref_is_its_arn(provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"], secrets)
    _failed_service_leaves_nothing(provisioners._RESOURCE_HANDLERS["AWS::ECS::Service"], provisioners._ecs)
    balancers = provisioners._RESOURCE_HANDLERS["AWS::ElasticLoadBalancingV2::LoadBalancer"]
    _protected_load_balancer_stays(balancers, provisioners._alb)


def _secret_ref_is_its_arn(handler: Json, secrets: Any) -> None:
    """`Ref` of a secret is its ARN; ministack answers its name, which ECS then takes for an SSM parameter."""
    create, update, delete = handler["create"], handler["update"], handler["delete"]

    def name_of(physical_id: str) -> str:
        key, secret = secrets._resolve(physical_id)
        return str(key if secret else physical_id)

    def create_by_arn(logical_id: str, props: Json, stack_name: str) -> tuple[str, Json]:
        _name, attributes = create(logical_id, props, stack_name)
        return attributes["Arn"], attributes

    def update_by_arn(physical_id: str, old: Json, new: Json, stack_name: str, logical_id: str | None = None
                      ) -> tuple[str, Json]:  # fmt: skip
        _name, attributes = update(name_of(physical_id), old, new, stack_name, logical_id)
        return attributes["Arn"], attributes

    def delete_by_arn(physical_id: str, props: Json) -> None:
        delete(name_of(physical_id), props)

    handler.update(create=create_by_arn, update=update_by_arn, delete=delete_by_arn)


def _failed_service_leaves_nothing(handler: Json, ecs: Any) -> None:
    """CloudFormation deletes a service whose create failed; ministack keeps it, and its name blocks the next create."""
    create = handler["create"]

    def create_in_free_place(logical_id: str, props: Json, stack_name: str) -> tuple[str, Json]:
        cluster, name = props.get("Cluster", "default"), props.get("ServiceName")
        left = ecs._services.get(f"{str(cluster).rsplit('/', 1)[-1]}/{name}")
        if left and not left.get("runningCount"):
            ecs._delete_service({"cluster": cluster, "service": name, "force": True})
        answer: tuple[str, Json] = create(logical_id, props, stack_name)
        return answer

    handler.update(create=create_in_free_place)


def _protected_load_balancer_stays(handler: Json, alb: Any) -> None:
    """AWS refuses to delete a load balancer under deletion protection; ministack's stacks delete it all the same."""
    delete = handler["delete"]

    def delete_unprotected(physical_id: str, props: Json) -> None:
        if {"Key": "deletion_protection.enabled", "Value": "true"} in alb._lb_attrs.get(physical_id, []):
            raise ValueError(
                f"Load balancer '{physical_id}' cannot be deleted because deletion protection is enabled "
                "(Service: ElasticLoadBalancingV2, Status Code: 400, Error Code: OperationNotPermitted)"
            )
        delete(physical_id, props)

    handler.update(delete=delete_unprotected)
