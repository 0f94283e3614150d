"""What is there in AWS for an environment, and what a deploy would run into."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from opsctl.config import naming
from opsctl.deploy.checks import preflight
from opsctl.deploy.planning.state import RemoteState
from opsctl.deploy.planning.statuses import Action, action_for, is_terminal
from opsctl.operate.doctor.finding import Check, Finding
from opsctl.operate.doctor.nameservers import NoAnswerError, delegated
from opsctl.operate.status import parts

if TYPE_CHECKING:
    from opsctl.operate.target import Target

# By AWS's names for those who take them. [UG of each service, using service-linked roles]
SERVICE_ROLES = {
    "AWSServiceRoleForECS": "ecs.amazonaws.com",
    "AWSServiceRoleForApplicationAutoScaling_ECSService": "ecs.application-autoscaling.amazonaws.com",
    "AWSServiceRoleForElasticLoadBalancing": "elasticloadbalancing.amazonaws.com",
    "AWSServiceRoleForRDS": "rds.amazonaws.com",
}
_PREFLIGHT = {
    "zones": "availability zones",
    "endpoint_zones": "interface endpoints",
    "nat_instance": "NAT instance",
    "hosted_zones": "hosted zones",
    "lambda_limits": "Lambda quota",
    "fargate_limits": "Fargate quota",
}
_EXPIRY_DAYS = 30


def checks(target: Target) -> list[Check]:
    """Everything that takes AWS to tell; each reads what it needs."""
    found = [
        Check(_PREFLIGHT[each.__name__], lambda each=each: _preflight(target, each))  # type: ignore[misc]
        for each in preflight.CHECKS
    ]
    return [
        *found,
        Check("service-linked roles", lambda: service_roles(target)),
        *(Check("zone delegation", lambda zone=zone: delegation(target, *zone)) for zone in _zones(target)),  # type: ignore[misc]
        Check("image", lambda: image(target)),
        Check("stacks", lambda: deployed(target)),
    ]


def _preflight(target: Target, check: preflight.Check) -> Iterator[Finding]:
    area = _PREFLIGHT[check.__name__]
    problems = list(check(target.env, target.aws.account))
    for each in problems:
        yield Finding(area, "wrong", each, "Correct environments.yaml or the account.")
    if not problems:
        yield Finding(area, "ok", "as the configuration wants it")


def service_roles(target: Target) -> Iterator[Finding]:
    """A first deploy makes them, and may come before they are known everywhere."""
    missing = [name for name in SERVICE_ROLES if not target.aws.iam.has_role(name)]
    if not missing:
        yield Finding("service-linked roles", "ok", f"all {len(SERVICE_ROLES)} are there")
        return
    names = " ".join(SERVICE_ROLES[name] for name in missing)
    yield Finding(
        "service-linked roles", "warning", f"missing: {', '.join(missing)}",
        "The first deploy makes them, or beforehand, for each of "
        f"{names}: `aws iam create-service-linked-role --aws-service-name NAME`.",
    )  # fmt: skip


def _zones(target: Target) -> list[tuple[str, str]]:
    """Hosted zones by id and name."""
    blocks = (target.env.application.web, target.env.site)
    pairs = [(each.hosted_zone_id, each.hosted_zone_name) for each in blocks]
    return list(dict.fromkeys((one, two) for one, two in pairs if one is not None and two is not None))


def delegation(target: Target, zone_id: str, name: str) -> Iterator[Finding]:
    """A zone that nobody delegated answers nobody, and no certificate is ever issued."""
    area = "zone delegation"
    ours = target.aws.account.name_servers(zone_id)
    if not ours:
        return  # none of the account's, which the check of hosted zones says
    try:
        theirs = delegated(name)
    except NoAnswerError as error:
        yield Finding(area, "warning", f"{name} was not looked up: {error}", "Ask `dig NS` elsewhere.", read=False)
        return
    if theirs and theirs <= ours:
        yield Finding(area, "ok", f"{name} is delegated to the hosted zone")
        return
    at = f"points to {', '.join(sorted(theirs))}" if theirs else "is delegated to nobody"
    todo = f"At the registrar, or in the zone above, let NS of {name} be {', '.join(sorted(ours))}."
    yield Finding(area, "wrong", f"{name} {at}: no certificate for it can be issued, and nobody finds it", todo)


def image(target: Target) -> Iterator[Finding]:
    """The image that a deploy would run; raises what the deploy would when it may not. One that is built is not asked
    about, since locking its requirements writes.
    """
    from opsctl.operate.image_source import image_source

    if target.env.ecs.build_on_deploy:
        yield Finding("image", "ok", "the deploy builds it")
        return
    planned = image_source(target, None).plan(target.env.account_id or target.aws.identity().account_id)
    yield Finding("image", "ok", f"{planned.repository}:{planned.tag} is {(planned.digest or '')[:19]}…")


def deployed(target: Target) -> Iterator[Finding]:
    """The account's own stack, those of the environment, and what they have made."""
    listed = {
        region: target.aws.in_region(region).cloudformation.stacks() for region in parts.regions(target)
    }  # fmt: skip
    state = parts.state(target, listed)
    yield _bootstrap(target, state)
    yield from _stacks(target, state)
    yield from _certificates(target, state)
    yield from _subscription(target, state)


def _bootstrap(target: Target, state: RemoteState) -> Finding:
    stack = state.stacks.get("bootstrap")
    if stack is None:
        todo = f"`opsctl bootstrap --env {target.env.name}`, or the first deploy, makes it."
        return Finding("bootstrap", "warning", f"{naming.BOOTSTRAP_STACK} is not in {target.env.region}", todo)
    return Finding("bootstrap", "ok", f"{stack.name} is {stack.status}")


def _stacks(target: Target, state: RemoteState) -> Iterator[Finding]:
    bad = [name for name, stack in state.stacks.items() if action_for(stack.status) is Action.REFUSE]
    for name in bad:
        todo = f"`opsctl explain --env {target.env.name}` says why."
        yield Finding("stacks", "wrong", f"{name} is {state.stacks[name].status}", todo)
    moving = [name for name, stack in state.stacks.items() if not is_terminal(stack.status)]
    if moving:
        todo = f"`opsctl watch --env {target.env.name}` follows it."
        yield Finding("stacks", "warning", f"under way: {', '.join(moving)}", todo)
    if not bad:
        wanted = [each.stack for each in target.templates]
        there = sum(name in state.stacks for name in wanted)
        yield Finding("stacks", "ok", f"{there} of {len(wanted)} are deployed")


def _certificates(target: Target, state: RemoteState) -> Iterator[Finding]:
    for each in parts.certificates(target, state, datetime.now(UTC)):
        text = f"that of {each.of}, {each.domain}, is {each.status}"
        if each.status == "PENDING_VALIDATION":
            todo = "It waits for a record in DNS: see the delegation of the zone."
            yield Finding("certificate", "warning", text, todo)
        elif each.status != "ISSUED":
            yield Finding("certificate", "wrong", f"{text} {each.reason}".rstrip(), "Ask for another, or deploy again.")
        elif each.days_left is not None and each.days_left < _EXPIRY_DAYS:
            todo = "ACM renews what it issued while the record in DNS stands; import a new one otherwise."
            yield Finding("certificate", "warning", f"{text} and ends in {each.days_left} days", todo)
        else:
            yield Finding("certificate", "ok", text)


def _subscription(target: Target, state: RemoteState) -> Iterator[Finding]:
    address, topic = target.env.observability.alert_email, state.outputs("platform").get("AlarmTopicArn")
    if address is None or topic is None:
        return
    found = [each for each in target.aws.topics.subscriptions(topic) if each.endpoint == address]
    if any(each.confirmed for each in found):
        yield Finding("alarms", "ok", f"{address} gets them")
    elif found:
        todo = "Follow the link in the mail from AWS Notifications; after three days it takes a new subscription."
        yield Finding("alarms", "warning", f"{address} has not confirmed its subscription: alarms reach nobody", todo)
    else:
        todo = f"`opsctl deploy --env {target.env.name} platform` makes it again if it was removed by hand."
        yield Finding("alarms", "wrong", f"{address} is not subscribed: alarms reach nobody", todo)
