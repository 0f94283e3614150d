"""Every name of ministack that the local target touches, in one table, and whether the installed one still has them.

ministack has no interface for extensions: opsctl reads and replaces names of its modules, most of them private. They
are all declared here, and only this module imports ministack. `load` compares the table with what is installed before
anything is extended, so that another version ends the start in a sentence, not a deploy in a traceback.

NOTE: names of AWS are not in it, such as the actions in an `_ACTION_MAP` and fields of what a service remembers.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from operator import attrgetter
from types import SimpleNamespace
from typing import Any, Literal

from opsctl.host import install_local
from opsctl.local.settings import LocalTargetError

PINNED = "1.5.33"  # by pyproject.toml; the table was written for it
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@dataclass(frozen=True)
class Seam:
    """How a name is used, and the parameters that count: all, in this order, of what is replaced; of what is called,
    the first ones and those that are passed by keyword.
    """

    use: Literal["read", "call", "replace"]
    parameters: tuple[str, ...] | None = None
    keywords: frozenset[str] = frozenset()

    def fits(self, value: Any) -> bool:
        """Whether the value takes what we pass to it, or what its callers pass to what replaces it."""
        if self.parameters is None:
            return True
        if not callable(value):
            return False
        parameters = inspect.signature(value).parameters
        names, given = tuple(parameters), {*self.parameters, *self.keywords}
        if self.use == "replace":
            return names == self.parameters
        required = {
            name for name, each in parameters.items() if each.default is each.empty and each.kind not in _VARIADIC
        }
        return names[: len(self.parameters)] == self.parameters and required <= given <= set(names)


READ = Seam("read")  # a value; also one whose items are changed
SET = Seam("replace")  # a value that is replaced


def _call(parameters: str = "", keywords: str = "") -> Seam:
    return Seam("call", tuple(parameters.split()), frozenset(keywords.split()))


def _replace(parameters: str) -> Seam:
    return Seam("replace", tuple(parameters.split()))


_CREATE = _replace("logical_id props stack_name")
_UPDATE = _replace("physical_id old_props new_props stack_name")
_UPDATE_BY_ID = _replace("physical_id old_props new_props stack_name logical_id")
_DELETE = _replace("physical_id props")
_DEPLOY = _replace(
    "stack_name stack_id template param_values disable_rollback tags is_update previous_stack "
    "retain_except_on_create imports"
)

# By module, and in it by name; a dotted name is one of that value. Whoever holds a module in a variable or a
# parameter calls it as it is called here: a test reads the sources by these names.
TABLE: Mapping[str, Mapping[str, Seam]] = {
    "app": {
        "app": _call("scope receive send"),
        "detect_service": _call("method path headers query_params"),
        "_build_persistence_save_dict": _call(),
        "_credential_failure": _call("service iam_action request_id denied headers"),
        "_dispatch_service_request": _replace("method path headers body query_params request_id"),
        "_is_ecr_registry_path": _call("path"),
        "_read_request_body": _call("receive method headers"),
        "_routing_params": _call("method path headers body query_params"),
        "_send_if_handled": _call("send response receive", "head"),
        "_send_response": _call("send status headers body"),
        "_with_date_header": _call("send"),
        "save_all": _replace("services"),
    },
    "core.iam_actions": {
        "extract_iam_action": _call("service method path headers body query_params"),
    },
    "core.iam_evaluator": {
        "EvalContext": _call(
            "", "principal_arn principal_type principal_account action resource_arn region service_context"
        ),
        "evaluate_resource_policy": _call("doc ctx", "service"),
        "pin_request_origin": _call("source_ip secure_transport"),
    },
    "core.lambda_runtime": {
        "execution_credentials": _replace("config"),
    },
    "core.persistence": {
        "_json_default": _call("obj"),
        "_json_object_hook": _replace("obj"),
        "_state_format_version": _call("service"),
    },
    "core.responses": {
        "get_account_id": _call(),
        "get_region": _call(),
        "request_scope": _call("account_id region"),
    },
    "core.sigv4": {
        "header_signature_failure": _call("signature secret method raw_path query_params headers body", "presigned"),
        "parse_header_signature": _call("headers"),
        "parse_query_signature": _call("query_params"),
        "presigned_request_is_expired": _call("amz_date expires"),
        "request_time_failure": _call("signature"),
    },
    "services.acm": {
        "_certificates": READ,
    },
    "services.alb": {
        "dispatch_request": _call(
            "lb method path headers body query_params port", "client_ip raw_query_string raw_path"
        ),
        "_ACTION_MAP": READ,
        "_describe_target_health": _replace("params"),
        "_forward_to_tg": _replace("tg_arn method path headers body query_params raw_query_string raw_path"),
        "_lb_attrs": READ,
        "_lbs": READ,
        "_listeners": READ,
        "_p": _call("params key"),
        "_parse_targets_param": _call("params"),
        "_proxy_http_target": _call("target tg method path headers body query_params raw_query_string"),
        "_tags": READ,
        "_target_host_header": _replace("host listener_port"),
        "_targets": READ,
        "_tgs": READ,
        "_xml": _call("status action inner"),
    },
    "services.cloudformation": {
        "_change_sets": READ,
        "_stack_events": READ,
        "_stacks": READ,
    },
    "services.cloudformation.changesets": {
        "_IMPORT_LOOKUPS": READ,
        "_find_change_set": _call("cs_name stack_name"),
        "_deploy_stack_async": _DEPLOY,
        "_error": _call("code message"),
        "_p": _call("params key"),
    },
    "services.cloudformation.custom_resource": {
        "_pending": READ,
        "deliver_response": _call("token response"),
    },
    "services.cloudformation.drift": {
        "detect_resource_drift": _call("stack logical_id record timestamp"),
        "supports_drift": _call("resource_type"),
        "_DRIFT_READERS": READ,
    },
    "services.cloudformation.handlers": {
        "_delete_stack_async": _replace("stack_name stack_id retain_resources force"),
        "_ACTION_HANDLERS": READ,
        "_deploy_stack_async": _DEPLOY,
        "_parse_template": _call("template_body"),
    },
    "services.cloudformation.provisioners": {
        "_RESOURCE_HANDLERS": READ,
        "_cw_metric_alarm_record": _replace("name props"),
        "_delete_predecessor": _call("delete_fn"),
        "_ec2_sg_permissions": _call("rules"),
        "_normalize_container_defs": _replace("cdefs"),
        "_pascal_to_camel": _call("obj"),
        "_rds_db_instance_attrs": _call("instance"),
        "_rds_db_instance_create": _CREATE,
        "_rds_db_instance_delete": _DELETE,
        "_rds_db_instance_update": _call("physical_id old_props new_props stack_name logical_id"),
    },
    "services.cloudformation.stacks": {
        "_add_event": _replace(
            "stack_id stack_name logical_id resource_type status reason physical_id detailed_status"
        ),
        "_adopt_resource": _replace("stack_id stack_name logical_id resource_type identifier"),
        "_deploy_stack_async": _DEPLOY,
        "_roll_back_operation": _call("stack_name stack_id stack operation reason_override"),
        "_runs_on_worker_thread": _replace("resource_type"),
        "_update_resource": _replace(
            "resource_type physical_id old_props new_props stack_name logical_id old_attrs"
        ),
        "_with_stack_tags": _replace("resource_type props stack_tags stack_name stack_id logical_id"),
    },
    "services.cloudfront": {
        "handle_viewer_request": _call(
            "dist method path raw_uri raw_query_string headers body query_params client_ip"
        ),
        "_distributions": READ,
        "_distributions._data": READ,
    },
    "services.cloudwatch_logs": {
        "_compile_filter_pattern": _call("raw"),
        "_filter_log_events": _replace("data"),
        "_log_events_lock": READ,
        "_log_groups": READ,
        "json_response": _call("data"),
    },
    "services.ec2": {
        "_ACTION_MAP": READ,
        "_STUB_AMIS": READ,
        "_addresses": READ,
        "_ensure_defaults_initialized": _call(),
        "_rules_match": _call("a b"),
        "_security_groups": READ,
        "_sg_rule_id": _call("sg_id is_egress rule"),
        "_stub_image_view": _replace("ami_id name desc platform root_device owner_id owner_alias"),
        "_tags": READ,
    },
    "services.ecr": {
        "_get_authorization_token": _replace("data"),
        "_images": READ,
    },
    "services.ecs": {
        "resource_lock": _call("scope key"),
        "_ACTION_MAP": READ,
        "_ImagePullError": READ,
        "_bump_task_version": _replace("task"),
        "_cleanup_task_resources": _replace("task docker_client extra_container"),
        "_cluster_name_from_arn": _call("arn"),
        "_delete_service": _call("data"),
        "_docker": SET,
        "_emit_awslogs_event": _replace("config message"),
        "_ensure_awslogs_stream": _call("config"),
        "_forward_awslogs": _replace("container config account_id region"),
        "_iso": _call(),
        "_make_deployment": _replace("task_definition desired_count status"),
        "_mark_task_stopped": _call("task_arn task reason stop_code"),
        "_primary_deployment": _call("svc"),
        "_record_service_task_failure": _call("task"),
        "_record_service_task_healthy": _replace("svc_key task"),
        "_schedule_service_deployment_completion": _call("cluster_name svc_key account_id region", "healthy_task"),
        "_services": READ,
        "_stop_task": _replace("data"),
        "_task_defs": READ,
        "_task_ip": _call("task"),
        "_tasks": READ,
        "_tasks._data": READ,
        "_update_service": _replace("data"),
    },
    "services.iam": {
        "_create_oidc_provider": _call("p"),
        "_oidc_providers": READ,
    },
    "services.lambda_svc": {
        "_execute_function_with_config_scope": _replace("func event"),
        "execution_credentials": _replace("config"),
    },
    "services.rds": {
        "_ACTION_MAP": READ,
        "_create_snapshot_internal": _replace("snap_id instance"),
        "_delete_db_instance_impl": _replace("p"),
        "_error": _call("code message status"),
        "_instances": READ,
        "_p": _call("params key"),
        "_resolve_instance": _call("db_id"),
        "_snapshots": READ,
        "_subnet_groups": READ,
    },
    "services.s3": {
        "get_region": _call(),
        "serve_cloudfront_origin_fetch": _replace("bucket_name key method headers source_arn oai_id"),
        "_bucket_has_versions": _call("name"),
        "_bucket_owner_account": _call("name"),
        "_bucket_policies": READ,
        "_buckets": READ,
        "_buckets._data": READ,
        "_ensure_bucket": _call("name"),
        "_error": _call("code message status resource"),
        "_put_object": _call("bucket_name key body headers"),
    },
    "services.secretsmanager": {
        "_resolve": _call("secret_id"),
    },
    "services.ssm": {"_PUBLIC_AMI_PARAMETERS": READ},
    "services.sts": {
        "_sessions": READ,
    },
    "services.waf": {
        "_associate_web_acl": _call("data"),
        "_disassociate_web_acl": _call("data"),
    },
}  # fmt: skip

# The operations that are replaced in `provisioners._RESOURCE_HANDLERS`, by resource type.
HANDLERS: Mapping[str, Mapping[str, Seam]] = {
    "AWS::ECS::Service": {"create": _CREATE, "update": _UPDATE},
    "AWS::ElasticLoadBalancingV2::LoadBalancer": {"create": _CREATE, "delete": _DELETE},
    "AWS::Logs::LogGroup": {"create": _CREATE},
    "AWS::RDS::DBInstance": {"create": _CREATE, "update": _UPDATE_BY_ID, "delete": _DELETE},
    "AWS::S3::Bucket": {"delete": _DELETE},
    "AWS::SecretsManager::Secret": {"create": _CREATE, "update": _UPDATE_BY_ID, "delete": _DELETE},
}


@dataclass(frozen=True)
class Modules:
    """The modules of the table, each by the last part of its name. They have no types, so neither have these."""

    app: Any
    iam_actions: Any
    iam_evaluator: Any
    lambda_runtime: Any
    persistence: Any
    responses: Any
    sigv4: Any
    acm: Any
    alb: Any
    cloudformation: Any
    changesets: Any
    custom_resource: Any
    drift: Any
    handlers: Any
    provisioners: Any
    stacks: Any
    cloudfront: Any
    cloudwatch_logs: Any
    ec2: Any
    ecr: Any
    ecs: Any
    iam: Any
    lambda_svc: Any
    rds: Any
    s3: Any
    secretsmanager: Any
    ssm: Any
    sts: Any
    waf: Any


def load(import_one: Callable[[str], Any] = import_module, version_of: Callable[[str], str] = version) -> Modules:
    """ministack's modules, or LocalTargetError when they are not as the table says.

    ministack reads its settings from the environment when it is imported: `process.configure_ministack` comes first.
    """
    found: dict[str, Any] = {}
    differing: list[str] = []
    for path, names in TABLE.items():
        try:
            module = import_one(f"ministack.{path}")
        except ModuleNotFoundError as error:
            if not str(error.name).startswith("ministack"):
                raise
            differing.append(f"{path} is missing")
            continue
        found[path.rpartition(".")[2]] = module
        differing += _differing(path, names, module)
    if handlers := getattr(found.get("provisioners"), "_RESOURCE_HANDLERS", None):
        for name, operations in HANDLERS.items():
            differing += _differing(name, operations, SimpleNamespace(**handlers.get(name, {})))
    if differing:
        raise LocalTargetError(
            f"The local target extends ministack {PINNED}, and the installed {version_of('ministack')} differs in what "
            f"it builds on: {', '.join(differing)}.",
            hint=f"Run `{install_local()}`, which installs the version that fits.",
        )
    return Modules(**found)


def _differing(where: str, seams: Mapping[str, Seam], holder: Any) -> Iterator[str]:
    """What of these its holder lacks or has with other parameters, in words."""
    for name, seam in seams.items():
        try:
            value = attrgetter(name)(holder)
        except AttributeError:
            yield f"{where}.{name} is missing"
            continue
        if not seam.fits(value):
            yield f"{where}.{name} takes other parameters"
