"""ECS, the load balancer and its web ACL."""

from __future__ import annotations

from tests.golden.controls.expectations import absent, at_most, contains, equals, items, lacks, one_of
from tests.golden.controls.language import (
    ANY_STACK,
    DEV,
    EVERYWHERE,
    STRICT,
    WHOLE,
    Assertion,
    Control,
    EnvironmentName,
    att,
    check,
    control,
    every,
    no,
    none,
    one,
    ref,
    skipped,
    sub,
)
from tests.golden.controls.policies import contains_statement, without_actions

TASKS = every("AWS::ECS::TaskDefinition")
SERVICE, SCHEDULE, CLUSTER = one("Service"), one("DatasetSchedule"), one("Cluster", "AWS::ECS::Cluster")
SCHEDULED = "Target/EcsParameters"
BALANCER = one("LoadBalancer", "AWS::ElasticLoadBalancingV2::LoadBalancer")
LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
HTTP, HTTPS = one("HttpListener", LISTENER), one("HttpsListener", LISTENER)
ACL = "AWS::WAFv2::WebACL"
ROLES = every("AWS::IAM::Role", but="NatRole|DatabaseMonitoringRole")
ACTIONS = "Policies[?]/PolicyDocument/Statement[?]/Action"
CONTAINER = "ContainerDefinitions[*]"
SECRET_WORDS = r"(?i)secret|password|passwd|token|credential|private_key|access_key"
# Those AWS recommends, from its table of policies; the newest adds key agreement that withstands quantum computers.
TLS_POLICIES = (
    "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
    "ELBSecurityPolicy-TLS13-1-3-PQ-2025-09",
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
    "ELBSecurityPolicy-TLS13-1-3-2021-06",
)
RULE_SETS = (
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesCommonRuleSet",
)


def _attribute(ids: str, key: str, value: object, *, on: tuple[EnvironmentName, ...] = EVERYWHERE) -> Assertion:
    return check(ids, "front", BALANCER, f"LoadBalancerAttributes[Key={key}]/Value", equals(value), on=on)


def _subnets(kind: str, zone: str) -> Assertion:
    chosen = one(f"{kind}{zone.upper()}Subnet")
    return check("ELB.13", "network", chosen, "AvailabilityZone", equals(sub(f"${{AWS::Region}}{zone}")))


def _web_acl(ids: str, stack: str, scope: str) -> list[Assertion]:
    chosen, rate = one("WebAcl", ACL), "Rules[Name=RatePerAddress]"
    limit = f"{rate}/Statement/RateBasedStatement"
    return [
        check(ids, stack, chosen, "Scope", equals(scope), on=STRICT),
        check(ids, stack, chosen, f"{rate}/Action", equals({"Block": {}}), on=STRICT),
        check(ids, stack, chosen, f"{limit}/Limit", at_most(2000), on=STRICT),
        check(ids, stack, chosen, f"{limit}/EvaluationWindowSec", equals(300), on=STRICT),
        check(ids, stack, chosen, f"{limit}/AggregateKeyType", equals("IP"), on=STRICT),
        *(
            check(ids, stack, chosen, f"Rules[Name={name}]/{path}", equals(value), on=STRICT)
            for name in RULE_SETS
            for path, value in (
                ("OverrideAction", {"None": {}}),
                ("Statement/ManagedRuleGroupStatement", {"VendorName": "AWS", "Name": name}),
            )
        ),
    ]


CONTROLS: tuple[Control, ...] = (
    control(
        "ecs-private",
        "Security",
        "Tasks stand in private subnets and have no public address.",
        check("ECS.2", "app", SERVICE, "NetworkConfiguration/AwsvpcConfiguration/AssignPublicIp", equals("DISABLED")),
        check(
            "ECS.2",
            "app",
            SERVICE,
            "NetworkConfiguration/AwsvpcConfiguration/Subnets",
            equals({"Fn::Split": [",", ref("PrivateSubnetIds")]}),
        ),
        check(
            "ECS.2",
            "app",
            SCHEDULE,
            f"{SCHEDULED}/NetworkConfiguration/AwsvpcConfiguration/AssignPublicIp",
            equals("DISABLED"),
        ),
        check(
            "ECS.2",
            "app",
            SCHEDULE,
            f"{SCHEDULED}/NetworkConfiguration/AwsvpcConfiguration/Subnets",
            equals({"Fn::Split": [",", ref("PrivateSubnetIds")]}),
        ),
        check("ECS.2", "app", WHOLE, "Stack/Parameters/PrivateSubnetIds", equals("network.PrivateSubnetIds")),
        dev="on, by way of a NAT instance",
        prd="on",
    ),
    control(
        "ecs-containers",
        "Security",
        "Containers share no process or memory space with the host, are not privileged, cannot write to their root "
        "file system (only to memory and one volume), get secrets from Secrets Manager and log to CloudWatch.",
        check("ECS.3", ANY_STACK, TASKS, "PidMode", absent()),
        check("ECS.3", ANY_STACK, TASKS, "IpcMode", absent()),
        check("ECS.4", ANY_STACK, TASKS, f"{CONTAINER}/Privileged", equals(False)),
        check("ECS.5", ANY_STACK, TASKS, f"{CONTAINER}/ReadonlyRootFilesystem", equals(True)),
        check("ECS.5", ANY_STACK, TASKS, f"{CONTAINER}/LinuxParameters/Tmpfs[*]/ContainerPath", equals("/tmp")),
        check(
            "ECS.5",
            ANY_STACK,
            TASKS,
            f"{CONTAINER}/LinuxParameters/Tmpfs[*]/MountOptions",
            contains(("nodev", "noexec", "nosuid")),
        ),
        check("ECS.8", ANY_STACK, TASKS, f"{CONTAINER}/Environment[*]/Name", lacks(SECRET_WORDS, "DB_PASSWORD")),
        check(
            "ECS.8",
            ANY_STACK,
            TASKS,
            f"{CONTAINER}/Secrets",
            equals([{"Name": "DJANGO_SECRET_KEY", "ValueFrom": ref("DjangoSecretArn")}]),
        ),
        check("ECS.9", ANY_STACK, TASKS, f"{CONTAINER}/LogConfiguration/LogDriver", equals("awslogs")),
        check(
            "ECS.9",
            ANY_STACK,
            TASKS,
            f"{CONTAINER}/LogConfiguration/Options/awslogs-group",
            one_of((ref("ServiceLogGroupName"), ref("JobsLogGroupName"))),
        ),
        check("ECS.10", "app", SERVICE, "PlatformVersion", equals("LATEST")),
        # A schedule takes numbers only; without one it starts the latest version too.
        check("ECS.10", "app", SCHEDULE, f"{SCHEDULED}/PlatformVersion", absent()),
        dev="on",
        prd="on",
    ),
    control(
        "ecs-user",
        "Security",
        "Containers run as a user without rights or capabilities, with an init process, each task with a network "
        "interface of its own. Nobody can open a shell in one: it needs a writable root; a one-off task does instead.",
        check("ECS.1", ANY_STACK, TASKS, "NetworkMode", equals("awsvpc")),
        check("ECS.1", ANY_STACK, TASKS, f"{CONTAINER}/User", equals("10001:10001")),
        check("own:capabilities", ANY_STACK, TASKS, f"{CONTAINER}/LinuxParameters/Capabilities/Drop", equals(["ALL"])),
        check("own:capabilities", ANY_STACK, TASKS, f"{CONTAINER}/LinuxParameters/Capabilities/Add", absent()),
        check("own:capabilities", ANY_STACK, TASKS, f"{CONTAINER}/LinuxParameters/InitProcessEnabled", equals(True)),
        check("own:no-ecs-exec", "app", SERVICE, "EnableExecuteCommand", equals(False)),
        check("own:no-ecs-exec", "app", SCHEDULE, f"{SCHEDULED}/EnableExecuteCommand", equals(False)),
        check("own:no-ecs-exec", "platform", CLUSTER, "Configuration", absent()),
        check("own:no-ecs-exec", ANY_STACK, ROLES, ACTIONS, without_actions("ssmmessages:")),
        check("own:no-ecs-exec", ANY_STACK, ROLES, ACTIONS, without_actions("ecs:ExecuteCommand")),
        dev="on",
        prd="on",
    ),
    control(
        "ecs-insights",
        "Operations",
        "Container Insights.",
        check(
            "ECS.12 CKV_AWS_65",
            "platform",
            CLUSTER,
            "ClusterSettings[Name=containerInsights]/Value",
            one_of(("enabled", "enhanced")),
            on=STRICT,
        ),
        check(
            "ECS.12", "platform", CLUSTER, "ClusterSettings[Name=containerInsights]/Value", equals("disabled"), on=DEV
        ),
        skipped("CKV_AWS_65", "platform", CLUSTER),
        dev="off (skip): its metrics are billed one by one",
        prd="on",
        hml="on",
    ),
    control(
        "elb-https",
        "Security",
        "Port 80 only redirects, 443 serves with a certificate, and the service itself insists on HTTPS.",
        check(
            "ELB.1",
            "front",
            HTTP,
            "DefaultActions",
            equals(
                [
                    {
                        "Type": "redirect",
                        "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"},
                    }
                ]
            ),
            on=STRICT,
        ),
        check("ELB.18 CKV_AWS_2", "front", HTTPS, "Protocol", equals("HTTPS"), on=STRICT),
        check("ELB.18", "front", HTTPS, "Port", equals(443), on=STRICT),
        check("ELB.18", "front", HTTPS, "Certificates", equals([{"CertificateArn": ref("Certificate")}]), on=STRICT),
        check("CKV_AWS_103", "front", HTTPS, "SslPolicy", one_of(TLS_POLICIES), on=STRICT),
        none("ELB.18", "front", no(LISTENER, name=".*", but="HttpListener|HttpsListener"), on=STRICT),
        check(
            "ELB.1",
            "app",
            one("ServiceTaskDefinition"),
            f"{CONTAINER}/Environment[Name=TLS]/Value",
            equals("True"),
            on=STRICT,
        ),
        skipped("CKV_AWS_260", "network", one("LoadBalancerFromAnywhereHttp"), on=("dev", "hml", "prd")),
        check("ELB.1", "front", HTTP, "DefaultActions[*]/Type", equals("forward"), on=DEV),
        none("ELB.18", "front", no(LISTENER, name=".*", but="HttpListener"), on=DEV),
        check(
            "ELB.1",
            "app",
            one("ServiceTaskDefinition"),
            f"{CONTAINER}/Environment[Name=TLS]/Value",
            equals("False"),
            on=DEV,
        ),
        skipped("CKV_AWS_2 CKV_AWS_103", "front", HTTP),
        dev="on if there is a certificate; as committed there is none (skip)",
        prd="on, required",
    ),
    control(
        "elb-policy",
        "Security",
        "The TLS policy that AWS recommends: 1.2 with forward secrecy, and 1.3.",
        check("ELB.17", "front", HTTPS, "SslPolicy", one_of(TLS_POLICIES), on=STRICT),
        none("ELB.17", "front", no(LISTENER, name="HttpsListener"), on=DEV),
        dev="on if there is a certificate",
        prd="on",
    ),
    control(
        "elb-headers",
        "Security",
        "Invalid header fields are dropped; ambiguous requests are handled defensively.",
        _attribute("ELB.4 CKV_AWS_131", "routing.http.drop_invalid_header_fields.enabled", "true"),
        _attribute("ELB.12", "routing.http.desync_mitigation_mode", "defensive"),
        dev="on",
        prd="on",
    ),
    control(
        "elb-logs",
        "Operations",
        "Access logs go to a bucket that takes them before the load balancer starts; deletion is blocked.",
        _attribute("ELB.5 CKV_AWS_91", "access_logs.s3.enabled", "true"),
        _attribute("ELB.5", "access_logs.s3.bucket", ref("LoadBalancerLogs")),
        check("ELB.5", "front", BALANCER, "/DependsOn", contains(("LoadBalancerLogsPolicy",))),
        check(
            "ELB.5",
            "front",
            one("LoadBalancerLogsPolicy"),
            "PolicyDocument/Statement",
            contains_statement(
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
                    "Action": "s3:PutObject",
                    "Resource": sub("${LoadBalancerLogs.Arn}/alb/AWSLogs/${AWS::AccountId}/*"),
                }
            ),
        ),
        _attribute("ELB.6", "deletion_protection.enabled", "true", on=STRICT),
        _attribute("ELB.6", "deletion_protection.enabled", "false", on=DEV),
        dev="logs",
        prd="logs and deletion protection",
    ),
    control(
        "elb-zones",
        "Reliability",
        "Load balancer and tasks span at least two zones.",
        check("ELB.13", "front", BALANCER, "Subnets", equals({"Fn::Split": [",", ref("PublicSubnetIds")]})),
        check("ELB.13", "front", WHOLE, "Stack/Parameters/PublicSubnetIds", equals("network.PublicSubnetIds")),
        check("ELB.13", "network", WHOLE, "Outputs/PublicSubnetIds/Value/Fn::Join/1", items(2)),
        check("ELB.13", "network", WHOLE, "Outputs/PrivateSubnetIds/Value/Fn::Join/1", items(2)),
        *(_subnets(kind, zone) for kind in ("Public", "Private") for zone in "ab"),
        dev="on, two zones",
        hml="on, two zones",
        prd="on, three zones",
    ),
    control(
        "waf",
        "Security",
        "A web ACL before load balancer and CloudFront: common rules, known bad inputs, addresses of ill repute, and "
        "at most 2,000 requests in five minutes from one address. What it refuses reaches the viewer as 403: only 404 "
        "is answered by the site's own page.",
        _web_acl("ELB.16", "front", "REGIONAL"),
        check(
            "ELB.16",
            "front",
            one("WebAclAssociation", "AWS::WAFv2::WebACLAssociation"),
            "ResourceArn",
            equals(ref("LoadBalancer")),
            on=STRICT,
        ),
        check("ELB.16", "front", one("WebAclAssociation"), "WebACLArn", equals(att("WebAcl.Arn")), on=STRICT),
        _web_acl("CloudFront.6 CKV_AWS_192", "edge", "CLOUDFRONT"),
        check("CKV_AWS_192", "front", one("WebAcl"), "Rules", items(4), on=STRICT),
        check(
            "CloudFront.6 CKV_AWS_68",
            "dashboard",
            one("Distribution"),
            "DistributionConfig/WebACLId",
            equals(ref("WebAclArn")),
            on=STRICT,
        ),
        check("CloudFront.6", "dashboard", WHOLE, "Stack/Parameters/WebAclArn", equals("edge.WebAclArn"), on=STRICT),
        check("CloudFront.6", "edge", WHOLE, "Outputs/WebAclArn/Value", equals(att("WebAcl.Arn")), on=STRICT),
        check(
            "CloudFront.6",
            "dashboard",
            one("Distribution"),
            "DistributionConfig/CustomErrorResponses",
            equals(
                [{"ErrorCode": 404, "ResponseCode": 404, "ResponsePagePath": "/index.html", "ErrorCachingMinTTL": 10}]
            ),
        ),
        none("ELB.16", "front", no(ACL), on=DEV),
        none("CloudFront.6 CKV_AWS_192", "edge", no(ACL), on=DEV),
        check("CloudFront.6", "dashboard", one("Distribution"), "DistributionConfig/WebACLId", absent(), on=DEV),
        skipped("CKV_AWS_68", "dashboard", one("Distribution")),
        dev="off (skip): billed per ACL, rule and request",
        prd="on",
    ),
)
