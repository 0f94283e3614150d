"""What ministack has, where what a template makes of it differs from AWS.

NOTE: each entry is a difference measured on ministack 1.5.33 that would make a template which is right on AWS fail
here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from opsctl.local.emulator.seams import Modules
from opsctl.local.state import Json
from opsctl.local.tasks.ecs import DELETE_REQUESTED


def install(modules: Modules) -> None:
    """Correct the registered handlers, and what CloudFront gets of S3, in place."""
    handlers = modules.provisioners._RESOURCE_HANDLERS
    _secret_ref_is_its_arn(handlers["AWS::SecretsManager::Secret"], modules.secretsmanager)
    _failed_service_leaves_nothing(handlers["AWS::ECS::Service"], modules.ecs)
    balancers = handlers["AWS::ElasticLoadBalancingV2::LoadBalancer"]
    _protected_load_balancer_stays(balancers, modules.alb)
    _access_logs_begin_with_a_test_object(balancers, modules.alb, modules.s3)
    _filled_bucket_stays(handlers["AWS::S3::Bucket"], modules.s3)
    _log_group_of_others_is_refused(handlers["AWS::Logs::LogGroup"], modules.cloudwatch_logs)
    _events_of_updates_name_the_resource(modules.stacks, modules.cloudformation._stacks)
    _what_an_update_leaves_alone_has_no_events(modules.stacks)
    _missing_object_is_404_to_who_may_list(modules.s3, modules.iam_evaluator)
    _deletion_ends_a_create(modules.handlers, modules.cloudformation._stacks)
    _first_change_sets_share_a_stack(modules.handlers._ACTION_HANDLERS, modules.cloudformation, modules.changesets)
    _log_events_come_in_pages(modules.cloudwatch_logs)
    _a_log_event_ends_with_its_line(modules.ecs, modules.responses.request_scope)
    _amazon_linux_is_there_for_arm(modules.ssm._PUBLIC_AMI_PARAMETERS, modules.ec2)
    _an_alarm_may_calculate(modules.provisioners)


def _an_alarm_may_calculate(provisioners: Any) -> None:
    """ministack refuses an alarm of an expression. It is kept as one of the metric that the expression is about: no
    metric of AWS comes here, so neither would ever be judged.
    """
    record = provisioners._cw_metric_alarm_record

    def record_of(name: str, props: Json) -> Json:
        stats = [query["MetricStat"] for query in props.get("Metrics", []) if "MetricStat" in query]
        if stats:
            first, others = stats[0], {key: value for key, value in props.items() if key != "Metrics"}
            props = {**others, **first["Metric"], "Statistic": first["Stat"], "Period": first["Period"]}
        made: Json = record(name, props)
        return made

    provisioners._cw_metric_alarm_record = record_of


def _amazon_linux_is_there_for_arm(parameters: Any, ec2: Any) -> None:
    """Amazon publishes an image for each architecture; ministack has that for x86_64 alone."""
    image, view = "ami-0c2023a1b2c3d4e60", ec2._stub_image_view
    parameters["/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"] = image
    name = "al2023-ami-2023.6.20241010.0-kernel-6.1-arm64"
    ec2._STUB_AMIS.append((image, name, "Amazon Linux 2023 AMI", "", "/dev/xvda", "137112412989", "amazon"))

    def view_of(
        ami_id: str, name: str, desc: str, platform: str, root_device: str, owner_id: str, owner_alias: str | None
    ) -> Json:
        seen: Json = view(ami_id, name, desc, platform, root_device, owner_id, owner_alias)
        return {**seen, "Architecture": "arm64"} if ami_id == image else seen

    ec2._stub_image_view = view_of


def _secret_ref_is_its_arn(handler: Json, secretsmanager: Any) -> None:
    """`Ref` of a secret is its ARN; ministack answers its name, which ECS then takes for an SSM parameter."""
    create, update, delete = handler["create"], handler["update"], handler["delete"]

    def name_of(physical_id: str) -> str:
        key, secret = secretsmanager._resolve(physical_id)
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


def _filled_bucket_stays(handler: Json, s3: Any) -> None:
    """CloudFormation deletes a bucket by DeleteBucket, which S3 refuses while it holds anything; ministack drops it."""
    delete = handler["delete"]

    def delete_empty(physical_id: str, props: Json) -> None:
        bucket = s3._ensure_bucket(physical_id)
        if bucket is not None and (bucket["objects"] or s3._bucket_has_versions(physical_id)):
            raise ValueError(
                "The bucket you tried to delete is not empty. You must delete all versions in the bucket. "
                "(Service: S3, Status Code: 409, Error Code: BucketNotEmpty)"
            )
        delete(physical_id, props)

    handler.update(delete=delete_empty)


def _deletion_ends_a_create(handlers: Any, records: Any) -> None:
    """A stack that is deleted while it is being made stops making resources; ministack's goes on, beside the deletion,
    and says CREATE_COMPLETE of what is gone. Here the create is told to give up, and goes back before the rest.
    """
    delete = handlers._delete_stack_async

    async def delete_once_at_rest(
        stack_name: str, stack_id: str, retain_resources: Iterable[str] = (), force: bool = False
    ) -> None:
        stack = records.get(stack_name) or {}
        if stack.get("StackStatus") in {"CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"}:
            stack[DELETE_REQUESTED] = True
            while str(stack.get("StackStatus", "")).endswith("_IN_PROGRESS"):
                await asyncio.sleep(0.05)
            stack.pop(DELETE_REQUESTED, None)
        await delete(stack_name, stack_id, retain_resources, force=force)

    handlers._delete_stack_async = delete_once_at_rest


def _access_logs_begin_with_a_test_object(handler: Json, alb: Any, s3: Any) -> None:
    """A load balancer whose access logs are switched on writes a test object at once; ministack's writes nothing.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
    """
    create = handler["create"]

    def create_and_log(logical_id: str, props: Json, stack_name: str) -> tuple[str, Json]:
        arn, attributes = create(logical_id, props, stack_name)
        settings = {each["Key"]: each["Value"] for each in alb._lb_attrs.get(arn, [])}
        if settings.get("access_logs.s3.enabled") == "true":
            prefix = settings.get("access_logs.s3.prefix", "")
            key = f"{prefix}/AWSLogs/{arn.split(':')[4]}/ELBAccessLogTestFile".lstrip("/")
            s3._put_object(settings["access_logs.s3.bucket"], key, b"Enable AccessLog for ELB", {})
        return arn, attributes

    handler.update(create=create_and_log)


def _log_group_of_others_is_refused(handler: Json, cloudwatch_logs: Any) -> None:
    """AWS refuses to create a log group that exists; ministack empties it, and deletes it with the stack."""
    create = handler["create"]

    def create_in_free_place(logical_id: str, props: Json, stack_name: str) -> tuple[str, Json]:
        name = props.get("LogGroupName")
        if name and name in cloudwatch_logs._log_groups:
            identifier = f'{{"/properties/LogGroupName":"{name}"}}'
            raise ValueError(
                f"Resource handler returned message: \"Resource of type 'AWS::Logs::LogGroup' with identifier "
                f"'{identifier}' already exists.\" (RequestToken: {uuid4()}, HandlerErrorCode: AlreadyExists)"
            )
        answer: tuple[str, Json] = create(logical_id, props, stack_name)
        return answer

    handler.update(create=create_in_free_place)


def _events_of_updates_name_the_resource(stacks: Any, records: Any) -> None:
    """AWS's events of an update have the resource's physical id from the first on; ministack's only where it went well.
    Tools look up by it why a service failed. And a stack that is deleted has the time of it.
    """
    add = stacks._add_event

    def add_named(
        stack_id: str, stack_name: str, logical_id: str, resource_type: str, status: str, reason: str = "",
        physical_id: str = "", detailed_status: str = "",
    ) -> None:  # fmt: skip
        if not physical_id and status.startswith("UPDATE_"):
            resources = (records.get(stack_name) or {}).get("_resources", {})
            physical_id = resources.get(logical_id, {}).get("PhysicalResourceId", "")
        if status == "DELETE_COMPLETE" and physical_id == stack_id and stack_name in records:
            # ListStacks tells when a stack was deleted.
            records[stack_name]["DeletionTime"] = datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
        add(stack_id, stack_name, logical_id, resource_type, status, reason, physical_id, detailed_status)

    stacks._add_event = add_named


def _what_an_update_leaves_alone_has_no_events(stacks: Any) -> None:
    """AWS tells of the resources that an update changes; ministack of all, before it knows what they become.

    The first event of each is held until its new properties are there, which is at once.
    """
    add, update = stacks._add_event, stacks._update_resource
    held: dict[tuple[str, str], tuple[Any, ...]] = {}
    same: set[tuple[str, str]] = set()

    def add_changed(
        stack_id: str, stack_name: str, logical_id: str, resource_type: str, status: str, reason: str = "",
        physical_id: str = "", detailed_status: str = "",
    ) -> None:  # fmt: skip
        key = (stack_name, logical_id)
        event = (stack_id, stack_name, logical_id, resource_type, status, reason, physical_id, detailed_status)
        if logical_id != stack_name and status == "UPDATE_IN_PROGRESS" and not reason:
            held[key] = event
            return
        if status == "UPDATE_COMPLETE" and key in same:
            same.discard(key)
            held.pop(key, None)
            return
        same.discard(key)
        if first := held.pop(key, None):
            add(*first)
        add(*event)

    def update_changed(
        resource_type: str, physical_id: str, old_props: Json, new_props: Json, stack_name: str, logical_id: str,
        old_attrs: Json | None = None,
    ) -> Any:  # fmt: skip
        key = (stack_name, logical_id)
        if old_props == new_props:
            same.add(key)
        elif first := held.pop(key, None):
            add(*first)
        return update(resource_type, physical_id, old_props, new_props, stack_name, logical_id, old_attrs)

    stacks._add_event, stacks._update_resource = add_changed, update_changed


def _missing_object_is_404_to_who_may_list(s3: Any, iam_evaluator: Any) -> None:
    """S3 tells whoever may list a bucket that an object is missing, others 403; ministack tells CloudFront 403 always.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html#API_GetObject_Permissions
    """
    fetch = s3.serve_cloudfront_origin_fetch

    def fetch_object(bucket_name: str, key: str, method: str, headers: Json, source_arn: str = "", oai_id: str = ""
                     ) -> Any:  # fmt: skip
        answer = fetch(bucket_name, key, method, headers, source_arn=source_arn, oai_id=oai_id)
        bucket = s3._ensure_bucket(bucket_name)
        if answer[0] != 403 or bucket is None or key in bucket["objects"]:
            return answer
        if not _may_list(s3, iam_evaluator, bucket_name, source_arn):
            return answer
        return s3._error("NoSuchKey", "The specified key does not exist.", 404, f"/{bucket_name}/{key}")

    s3.serve_cloudfront_origin_fetch = fetch_object


def _may_list(s3: Any, iam_evaluator: Any, bucket_name: str, source_arn: str) -> bool:
    """Whether the bucket's policy lets CloudFront, for this distribution, list the bucket."""
    policy = s3._bucket_policies.get_scoped(s3._bucket_owner_account(bucket_name), None, bucket_name)
    if not policy or not source_arn:
        return False
    context = iam_evaluator.EvalContext(
        principal_arn="*", principal_type="Service", principal_account="", action="s3:ListBucket",
        resource_arn=f"arn:aws:s3:::{bucket_name}", region=s3.get_region(),
        service_context={"aws:sourcearn": source_arn},
    )  # fmt: skip
    answer = iam_evaluator.evaluate_resource_policy(policy, context, service="cloudfront.amazonaws.com")
    return bool(answer.decision == "Allow")


def _first_change_sets_share_a_stack(actions: Json, cloudformation: Any, changesets: Any) -> None:
    """Of several change sets that are to create a stack all belong to the one that the first of them made.

    ministack makes a stack for each, of which the last stays, so that the others are executed on nothing. On a stack
    that stands, AWS refuses with another code and text.
    """
    create = actions["CreateChangeSet"]

    def create_in_the_same_stack(params: Json) -> Any:
        name, known = changesets._p(params, "StackName"), cloudformation._stacks
        before = known.get(name) if changesets._p(params, "ChangeSetType") == "CREATE" else None
        status = before["StackStatus"] if before is not None else "DELETE_COMPLETE"
        if status not in {"DELETE_COMPLETE", "REVIEW_IN_PROGRESS"}:
            change_set = changesets._p(params, "ChangeSetName")
            text = f"Stack [{name}] already exists and cannot be created again with the changeSet [{change_set}]."
            return changesets._error("ValidationError", text)
        answer = create(params)
        if before is None or status != "REVIEW_IN_PROGRESS":
            return answer
        made, known[name] = known.get(name), before
        if made is None or made is before:
            return answer
        cloudformation._stack_events.pop(made["StackId"], None)
        for change_set in cloudformation._change_sets.values():
            if change_set["StackId"] == made["StackId"]:
                change_set["StackId"] = before["StackId"]
        code, headers, body = answer
        return code, headers, body.replace(made["StackId"].encode(), before["StackId"].encode())

    actions["CreateChangeSet"] = create_in_the_same_stack


_MOST_EVENTS = 10_000  # of one answer [API FilterLogEvents]


def _a_log_event_ends_with_its_line(ecs: Any, scope: Any) -> None:
    """The log driver makes an event of a line; ministack begins another at each carriage return, and at whatever else
    Python takes for the end of a line.
    """

    def forward(container: Any, config: Json, account_id: str, region: str) -> None:
        with scope(account_id, region):
            if not ecs._ensure_awslogs_stream(config):
                return
            for chunk in container.logs(stream=True, follow=True, stdout=True, stderr=True):
                for line in chunk.decode("utf-8", errors="replace").removesuffix("\n").split("\n"):
                    ecs._emit_awslogs_event(config, line)

    ecs._forward_awslogs = forward


def _log_events_come_in_pages(cloudwatch_logs: Any) -> None:
    """FilterLogEvents goes on after a page by a token, looks at streams by prefix, and every event has an id;
    ministack drops what is beyond the first page, looks at all streams, and a function's lines have no ids.

    The token is the time of a page's last event, and how many of that millisecond were given.
    """
    find = cloudwatch_logs._filter_log_events

    def find_page(data: Json) -> Any:
        group = cloudwatch_logs._log_groups.get(str(data.get("logGroupName", "")))
        if group is None:
            return find(data)
        start, _, given = str(data.get("nextToken") or f"{data.get('startTime', 0)}/0").partition("/")
        matches = cloudwatch_logs._compile_filter_pattern(data.get("filterPattern", ""))
        with cloudwatch_logs._log_events_lock:
            events = _merged(group["streams"], data, int(start))
        limit = min(int(data.get("limit") or _MOST_EVENTS), _MOST_EVENTS)
        page = events[int(given) : int(given) + limit]
        answer: Json = {"events": [each for each in page if matches(each.get("message", ""))], "searchedLogStreams": []}
        if int(given) + limit < len(events):
            last = page[-1]["timestamp"]
            before = int(given) if last == int(start) else 0
            answer["nextToken"] = f"{last}/{before + sum(each['timestamp'] == last for each in page)}"
        return cloudwatch_logs.json_response(answer)

    cloudwatch_logs._filter_log_events = find_page


def _merged(streams: Json, data: Json, start: int) -> list[Json]:
    """Events of the streams that were asked for, from `start` on, in order of time."""
    names = data.get("logStreamNames") or [
        name for name in streams if name.startswith(data.get("logStreamNamePrefix") or "")
    ]
    end = data.get("endTime")
    asked = [
        (name, event)
        for name in names
        for event in (streams.get(name) or {"events": []})["events"]
        if start <= event["timestamp"] and (end is None or event["timestamp"] <= end)
    ]
    found = [
        {**event, "eventId": event.setdefault("eventId", uuid4().hex), "logStreamName": name} for name, event in asked
    ]
    return sorted(found, key=lambda each: (each["timestamp"], each.get("ingestionTime", 0)))
