"""The public load balancer of the web: HTTPS where there is a certificate, access logs, one target group."""

from __future__ import annotations

from typing import Any

from troposphere import Ref, Sub
from troposphere import elasticloadbalancingv2 as elb

from opsctl.config.application import HEALTH_PATH
from opsctl.stacks.parts.base import StackBuilder, skip
from opsctl.stacks.parts.buckets import expire_rule, secure_bucket
from opsctl.stacks.parts.dns import certificate
from opsctl.stacks.parts.network_inputs import public_subnets, vpc
from opsctl.stacks.parts.policies import Statement, allow, service

# CloudFormation's default is ELBSecurityPolicy-2016-08, which takes TLS 1.0; this is what AWS recommends.
# [UG ALB describe-ssl-policies]
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
LOG_BUCKET = "LoadBalancerLogs"
IDLE_SECONDS = 60  # AWS's default
# A task is replaced when it has answered no check for so long: a pause of the database or a full CPU passes.
UNHEALTHY_SECONDS = 45


def load_balancer(stack: StackBuilder) -> tuple[elb.LoadBalancer, elb.TargetGroup]:
    """Add the load balancer, its target group and its listeners.

    Targets register, and their metrics are known, only once the group is on a listener [UG ECS; UG CFN ScalingPolicy]:
    whoever does either is in a later stack.
    """
    balancer = _load_balancer(stack)
    targets = _target_group(stack)
    _listeners(stack, balancer, targets)
    return balancer, targets


def _load_balancer(stack: StackBuilder) -> elb.LoadBalancer:
    """Public subnets of at least two zones (the configuration takes no fewer), each a /26. Named by CloudFormation:
    Name, Scheme and Type are create-only. [UG ALB; Schema]
    """
    env = stack.env
    attributes = {
        "deletion_protection.enabled": env.security.termination_protection,
        "routing.http.drop_invalid_header_fields.enabled": True,  # default false [API]
        "routing.http.desync_mitigation_mode": "defensive",
        # Adds the client's address at the end: the last hop is the one to trust. [API]
        "routing.http.xff_header_processing.mode": "append",
    }
    if env.application.web.timeout != IDLE_SECONDS:
        attributes["idle_timeout.timeout_seconds"] = str(env.application.web.timeout)
    balancer = elb.LoadBalancer(
        "LoadBalancer",
        Type="application",
        Scheme="internet-facing",
        Subnets=public_subnets(stack),
        SecurityGroups=[stack.output_of("network", "LoadBalancerSecurityGroupId")],
    )
    if env.observability.alb_access_logs.enabled:
        attributes |= _log_attributes(stack, balancer)
    else:
        skip(balancer, "CKV_AWS_91", "observability.alb_access_logs is off in this environment.")
    balancer.LoadBalancerAttributes = [
        elb.LoadBalancerAttributes(Key=key, Value=str(value).lower() if isinstance(value, bool) else value)
        for key, value in attributes.items()
    ]
    return stack.add(balancer)


def _log_attributes(stack: StackBuilder, balancer: elb.LoadBalancer) -> dict[str, Any]:
    """Access logs go to a bucket of the same region with S3's own keys; a customer key makes delivery fail. The load
    balancer checks by writing, so the policy comes first. [UG ALB enable-access-logging]
    """
    settings = stack.env.observability.alb_access_logs
    bucket = secure_bucket(
        stack,
        LOG_BUCKET,
        log_bucket=stack.output_of("bootstrap", "AccessLogBucketName"),
        log_prefix=f"{stack.env.name}/{stack.env.service}/load-balancer-logs",
        rules=[expire_rule("expire", settings.expire_days)],
        statements=(_takes_access_logs(settings.prefix),),
    )
    balancer.DependsOn = [f"{LOG_BUCKET}Policy"]
    return {
        "access_logs.s3.enabled": True,
        "access_logs.s3.bucket": Ref(bucket),
        "access_logs.s3.prefix": settings.prefix,
    }


def _takes_access_logs(prefix: str) -> Statement:
    """The service principal, in every region: the accounts per region that older pages list are the legacy way.
    (`delivery.logs.amazonaws.com` is for network load balancers.) It tells no source account that a condition could
    name; the path holds the account whose load balancer it is.
    [UG ALB enable-access-logging; ansible-collections/amazon.aws#2845; trussworks/terraform-aws-logs#332]
    """
    return allow(
        "TakeAccessLogs",
        "s3:PutObject",
        Sub(f"${{{LOG_BUCKET}.Arn}}/{prefix}/AWSLogs/${{AWS::AccountId}}/*"),
        principal=service("logdelivery.elasticloadbalancing.amazonaws.com"),
    )


def _target_group(stack: StackBuilder) -> elb.TargetGroup:
    """Named by CloudFormation: a named group couldn't be replaced."""
    web = stack.env.application.web
    health = web.health
    return stack.add(
        elb.TargetGroup(
            "TargetGroup",
            TargetType="ip",  # what `awsvpc` tasks register
            VpcId=vpc(stack),
            # Of targets that register without one. Tasks bring theirs, and another here would replace the group.
            Port=80,
            Protocol="HTTP",
            HealthCheckProtocol="HTTP",
            HealthCheckPath=health.path or HEALTH_PATH,
            HealthCheckIntervalSeconds=health.interval,
            HealthCheckTimeoutSeconds=min(5, health.interval - 1),
            HealthyThresholdCount=health.threshold,
            UnhealthyThresholdCount=max(2, min(10, UNHEALTHY_SECONDS // health.interval)),  # 2 to 10 [API]
            Matcher=elb.Matcher(HttpCode=health.codes),
            TargetGroupAttributes=[
                # The default is 300 s, which every release would wait for its old tasks. [API]
                elb.TargetGroupAttribute(Key="deregistration_delay.timeout_seconds", Value=str(web.drain)),
            ],
        )
    )


def _listeners(stack: StackBuilder, balancer: elb.LoadBalancer, targets: elb.TargetGroup) -> None:
    """With a certificate: 443 serves and 80 only redirects. Without: 80 serves."""
    forward = elb.Action(Type="forward", TargetGroupArn=Ref(targets))
    http = elb.Listener("HttpListener", LoadBalancerArn=Ref(balancer), Port=80, Protocol="HTTP")
    if not stack.env.serves_https:
        reason = "application.web has neither certificate_arn nor domains, so there is no certificate."
        skip(skip(http, "CKV_AWS_2", reason), "CKV_AWS_103", reason)
        http.DefaultActions = [forward]
        stack.add(http)
        return
    redirect = elb.RedirectConfig(Protocol="HTTPS", Port="443", StatusCode="HTTP_301")
    http.DefaultActions = [elb.Action(Type="redirect", RedirectConfig=redirect)]
    http.DependsOn = "HttpsListener"  # not before there is something to be redirected to
    stack.add(http)
    https = stack.add(
        elb.Listener(
            "HttpsListener",
            LoadBalancerArn=Ref(balancer),
            Port=443,
            Protocol="HTTPS",
            SslPolicy=TLS_POLICY,
            Certificates=[elb.Certificate(CertificateArn=_certificate_arn(stack))],
            DefaultActions=[forward],
        )
    )
    if stack.env.application.web.redirect:
        _redirects(stack, https, forward)


def _redirects(stack: StackBuilder, listener: elb.Listener, forward: elb.Action) -> None:
    """Visitors of the other names are sent to the first, with path and query as they are. [API RedirectActionConfig]

    The first has a rule before all of them: a wildcard among the others may mean it too, and would send it to itself.
    """
    first, *others = stack.env.application.web.domains
    to_first = elb.RedirectConfig(Host=first, StatusCode="HTTP_301")
    stay = elb.ListenerRuleAction(Type="forward", TargetGroupArn=forward.TargetGroupArn)
    away = elb.ListenerRuleAction(Type="redirect", RedirectConfig=to_first)
    for index, name in enumerate((first, *others)):
        stack.add(
            elb.ListenerRule(
                f"Redirect{index}" if index else "FirstName",
                ListenerArn=Ref(listener),
                Priority=index + 1,
                Conditions=[elb.Condition(Field="host-header", HostHeaderConfig=elb.HostHeaderConfig(Values=[name]))],
                Actions=[away if index else stay],
            )
        )


def _certificate_arn(stack: StackBuilder) -> Any:
    web = stack.env.application.web
    if web.certificate_arn is not None:
        return web.certificate_arn
    if not web.domains or web.hosted_zone_id is None:
        raise AssertionError("the configuration's rules let no domain through without zone or certificate")
    first, *others = web.domains
    return Ref(certificate(stack, "Certificate", domain=first, zone_id=web.hosted_zone_id, others=tuple(others)))
