"""Who may do what: the function, roles, passing roles on, what guards data."""

from __future__ import annotations

from typing import Any

from tests.golden.controls.expectations import absent, equals, items, one_of, only
from tests.golden.controls.language import (
    ANY_STACK,
    DEV,
    EVERYWHERE,
    PRD,
    STRICT,
    WHOLE,
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
from tests.golden.controls.policies import (
    contains_statement,
    for_this_account,
    named_actions,
    named_principal,
    scoped,
    without_actions,
)
from tests.golden.controls.table.network import SESSION

ROLE, KEY, GROUP = "AWS::IAM::Role", "AWS::KMS::Key", "AWS::Logs::LogGroup"
FUNCTION = one("DbInitFunction", "AWS::Lambda::Function")
OWN_STATEMENTS = "Policies[?]/PolicyDocument/Statement[*]"
ALLOWED = "PolicyDocument/Statement[?Effect=Allow]"
LATE_RIGHT = one("DbInitReadsMasterLogin", "AWS::IAM::Policy")
SCHEDULE_ROLE = one("DatasetScheduleRole", ROLE)
PASSING = "Policies[*]/PolicyDocument/Statement[Action=iam:PassRole]"
# Typed out on purpose, as the rows are.
STACKS = (
    "bootstrap", "platform", "network", "egress", "data", "functions", "front", "upkeep", "jobs", "app", "edge",
    "dashboard",
)  # fmt: skip
UNRESERVED: tuple[EnvironmentName, ...] = ("dev", "hml")

INTERFACES = [
    "ec2:CreateNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:DeleteNetworkInterface",
    "ec2:UnassignPrivateIpAddresses",
]  # fmt: skip
LISTS = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]
# Actions that know no narrower resource than `*`, and why.
ON_EVERYTHING = {
    "ecr:GetAuthorizationToken": "It logs in to the registry and names no repository.",
    **dict.fromkeys(INTERFACES, "Lambda makes and removes interfaces whose ids nobody knows before."),
    **dict.fromkeys(LISTS, "Lists know no resource."),
    "ssm:UpdateInstanceInformation": "The instance's id is not known when its role is made.",
    **dict.fromkeys(SESSION, "Channels of Session Manager know no resource."),
}
# Policies that AWS writes, and why they are used.
MANAGED_POLICIES = {
    "service-role/AmazonRDSEnhancedMonitoringRole": (
        "What enhanced monitoring asks for, and nothing else: lines to log groups called RDS*."
    ),
}
_HERE = "${AWS::Region}:${AWS::AccountId}"
# What Lambda does with the role of the function, which its code may not.
NETWORK_AND_LOG: tuple[dict[str, Any], ...] = (
    {
        "Effect": "Allow",
        "Action": INTERFACES[0],
        "Resource": [
            sub(f"arn:${{AWS::Partition}}:ec2:{_HERE}:{kind}/*")
            for kind in ("network-interface", "subnet", "security-group")
        ],
    },
    {
        "Effect": "Allow",
        "Action": [*INTERFACES[1:], *LISTS],
        "Resource": "*",
        "Condition": {"StringEqualsIfExists": {"aws:ResourceAccount": ref("AWS::AccountId")}},
    },
    {
        "Effect": "Deny",
        "Action": [*INTERFACES, *LISTS],
        "Resource": "*",
        "Condition": {
            "ArnLike": {"lambda:SourceFunctionArn": sub(f"arn:${{AWS::Partition}}:lambda:{_HERE}:function:*")}
        },
    },
    {
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": sub(f"arn:${{AWS::Partition}}:logs:{_HERE}:log-group:${{FunctionLogGroupName}}:log-stream:*"),
    },
)
# Services that may take a role.
TRUSTED = (
    "ec2.amazonaws.com",
    "ecs-tasks.amazonaws.com",
    "lambda.amazonaws.com",
    "monitoring.rds.amazonaws.com",
    "scheduler.amazonaws.com",
    "vpc-flow-logs.amazonaws.com",
)
STATEMENTS = "PolicyDocument/Statement[*]"
EC2, RDS = "ec2.amazonaws.com", "events.rds.amazonaws.com"
BALANCERS = "logdelivery.elasticloadbalancing.amazonaws.com"
LOGS = sub("logs.${AWS::Region}.${AWS::URLSuffix}")
# A key policy names these families as AWS does: data keys with and without plain text, re-encryption from and to.
KEY_FAMILIES = ("kms:GenerateDataKey*", "kms:ReEncrypt*")

CONTROLS: tuple[Control, ...] = (
    control(
        "lambda",
        "Security",
        "The one function is invoked by nobody else, runs a current Python in private subnets of at least two zones, "
        "never runs an event twice by itself, and keeps what failed.",
        check(
            "Lambda.5",
            "upkeep",
            one("MasterSecretRotation"),
            "HostedRotationLambda/VpcSubnetIds",
            equals(ref("PrivateSubnetIds")),
        ),
        check(
            "CKV_AWS_173",
            "upkeep",
            one("MasterSecretRotation"),
            "HostedRotationLambda/KmsKeyArn",
            equals(ref("DataKeyArn")),
            on=STRICT,
        ),
        none("Lambda.1", ANY_STACK, no("AWS::Lambda::Permission")),
        none("Lambda.1", ANY_STACK, no("AWS::Lambda::Url")),
        check("Lambda.2 CKV_AWS_363", "functions", FUNCTION, "Runtime", one_of(("python3.13", "python3.14"))),
        check(
            "Lambda.5 CKV_AWS_117",
            "functions",
            FUNCTION,
            "VpcConfig/SubnetIds",
            equals({"Fn::Split": [",", ref("PrivateSubnetIds")]}),
        ),
        check("Lambda.5", "functions", WHOLE, "Stack/Parameters/PrivateSubnetIds", equals("network.PrivateSubnetIds")),
        check("Lambda.5", "network", WHOLE, "Outputs/PrivateSubnetIds/Value/Fn::Join/1", items(2)),
        check(
            "CKV_AWS_117", "functions", FUNCTION, "VpcConfig/SecurityGroupIds", equals([ref("DbInitSecurityGroupId")])
        ),
        check("own:retries", "functions", one("DbInitInvocation"), "MaximumRetryAttempts", equals(0)),
        check("own:retries", "functions", one("DbInitInvocation"), "FunctionName", equals(ref("DbInitFunction"))),
        check("own:retries", "functions", one("DbInitInvocation"), "Qualifier", equals("$LATEST")),
        check("CKV_AWS_116", "functions", FUNCTION, "DeadLetterConfig/TargetArn", equals(ref("DbInitFailuresArn"))),
        check("CKV_AWS_173", "functions", FUNCTION, "KmsKeyArn", equals(ref("DataKeyArn")), on=STRICT),
        check("CKV_AWS_173", "functions", FUNCTION, "KmsKeyArn", absent(), on=DEV),
        skipped("CKV_AWS_173", "functions", FUNCTION),
        check("CKV_AWS_115", "functions", FUNCTION, "ReservedConcurrentExecutions", equals(1), on=PRD),
        check("CKV_AWS_115", "functions", FUNCTION, "ReservedConcurrentExecutions", absent(), on=UNRESERVED),
        skipped("CKV_AWS_115", "functions", FUNCTION, on=UNRESERVED),
        dev="on; no reserved concurrency, AWS's key (skips)",
        hml="on; no reserved concurrency (skip)",
        prd="on; one run at a time is reserved",
    ),
    control(
        "iam",
        "Security",
        "Roles have spelt-out actions on named resources; nobody is trusted but a service or the account itself.",
        check(
            "IAM.1 IAM.21 CKV_AWS_107 CKV_AWS_108 CKV_AWS_62 CKV_AWS_63",
            ANY_STACK,
            every(ROLE),
            f"{OWN_STATEMENTS}/Action",
            named_actions(),
        ),
        check(
            "IAM.1 KMS.1 KMS.2 CKV_AWS_109 CKV_AWS_110 CKV_AWS_111",
            ANY_STACK,
            every(ROLE),
            OWN_STATEMENTS,
            scoped(tuple(ON_EVERYTHING)),
        ),
        check("IAM.21", "jobs", LATE_RIGHT, "PolicyDocument/Statement[*]/Action", named_actions()),
        check(
            "CKV_AWS_111", "jobs", LATE_RIGHT, "PolicyDocument/Statement[*]/Resource", equals(ref("MasterSecretArn"))
        ),
        check("CKV_AWS_111", "jobs", LATE_RIGHT, "Roles", equals([ref("DbInitRoleName")])),
        check("CKV_AWS_111", "jobs", WHOLE, "Stack/Parameters/DbInitRoleName", equals("functions.DbInitRoleName")),
        check("CKV_AWS_111", "jobs", WHOLE, "Stack/Parameters/MasterSecretArn", equals("data.MasterSecretArn")),
        none("IAM.1", ANY_STACK, no("AWS::IAM::Policy", but="DbInitReadsMasterLogin")),
        check("IAM.21", ANY_STACK, every(ROLE), f"{OWN_STATEMENTS}/NotAction", absent()),
        check("IAM.21", ANY_STACK, every(ROLE), f"{OWN_STATEMENTS}/NotResource", absent()),
        check(
            "CKV_AWS_60 CKV_AWS_61",
            ANY_STACK,
            every(ROLE),
            "AssumeRolePolicyDocument/Statement[*]/Principal",
            named_principal(),
        ),
        check(
            "CKV_AWS_60",
            ANY_STACK,
            every(ROLE),
            "AssumeRolePolicyDocument/Statement[*]/Principal",
            one_of(tuple({"Service": name} for name in TRUSTED)),
        ),
        check(
            "CKV_AWS_60",
            ANY_STACK,
            every(ROLE),
            "AssumeRolePolicyDocument/Statement[*]/Action",
            equals("sts:AssumeRole"),
        ),
        check("CKV_AWS_61", ANY_STACK, every(ROLE), "AssumeRolePolicyDocument/Statement[*]/Principal/AWS", absent()),
        check(
            "CKV_AWS_111",
            ANY_STACK,
            every(ROLE),
            "ManagedPolicyArns",
            only(tuple(sub(f"arn:${{AWS::Partition}}:iam::aws:policy/{path}") for path in MANAGED_POLICIES)),
        ),
        check(
            "CKV_AWS_111",
            ANY_STACK,
            every(ROLE, but="DbInitRole"),
            f"{OWN_STATEMENTS}/Action",
            without_actions("ec2:"),
        ),
        *(
            check(
                "CKV_AWS_111",
                "functions",
                one("DbInitRole", ROLE),
                "Policies/0/PolicyDocument/Statement",
                contains_statement(statement),
            )
            for statement in NETWORK_AND_LOG
        ),
        *(
            check("IAM.21", ANY_STACK, every(kind), f"{ALLOWED}/Action", named_actions())
            for kind in ("AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy", "AWS::EC2::VPCEndpoint")
        ),
        check("KMS.1", ANY_STACK, every(KEY), "KeyPolicy/Statement[*]/Action", named_actions(KEY_FAMILIES)),
        *(
            none("IAM.1", ANY_STACK, no(kind))
            for kind in (
                "AWS::IAM::User",
                "AWS::IAM::Group",
                "AWS::IAM::RolePolicy",
                "AWS::IAM::ManagedPolicy",
                "AWS::IAM::AccessKey",
            )
        ),
        dev="on",
        prd="on",
    ),
    control(
        "source-accounts",
        "Security",
        "A service uses a role, a topic, a bucket or a key for this account only; Lambda, and ECS when it starts a "
        "task, only if they say for whom, which their guides leave open. Four tell no source: EC2, which "
        "takes roles of its own account only; RDS at a key, where the topic says the account; CloudWatch Logs at a "
        "key, where the log group does; and load balancers, whose path in the bucket does.",
        check(
            "own:source-account",
            ANY_STACK,
            every(ROLE),
            "AssumeRolePolicyDocument/Statement[*]",
            for_this_account((EC2,)),
        ),
        check("own:source-account", ANY_STACK, every("AWS::SNS::TopicPolicy"), STATEMENTS, for_this_account(())),
        check(
            "own:source-account", ANY_STACK, every("AWS::S3::BucketPolicy"), STATEMENTS, for_this_account((BALANCERS,))
        ),
        check("own:source-account", ANY_STACK, every(KEY), "KeyPolicy/Statement[*]", for_this_account((RDS, LOGS))),
        dev="on",
        prd="on",
    ),
    control(
        "pass-role",
        "Security",
        "Only the schedule passes roles on: the two of its task, to ECS tasks.",
        check(
            "own:pass-role",
            "app",
            SCHEDULE_ROLE,
            f"{PASSING}/Resource",
            equals([att("DatasetExecutionRole.Arn"), att("DatasetTaskRole.Arn")]),
        ),
        check(
            "own:pass-role",
            "app",
            SCHEDULE_ROLE,
            f"{PASSING}/Condition/StringEquals/iam:PassedToService",
            equals("ecs-tasks.amazonaws.com"),
        ),
        check(
            "own:pass-role",
            ANY_STACK,
            every(ROLE, but="DatasetScheduleRole"),
            f"{OWN_STATEMENTS}/Action",
            without_actions("iam:"),
        ),
        dev="on",
        prd="on",
    ),
    control(
        "guard",
        "Reliability",
        "Stacks are protected against termination; whatever holds data outlives its stack, and opsctl replaces or "
        "deletes it only when told so by name.",
        *(
            check("own:termination-protection", stack, WHOLE, "Stack/TerminationProtection", equals(True), on=STRICT)
            for stack in STACKS
        ),
        check("own:termination-protection", "bootstrap", WHOLE, "Stack/TerminationProtection", equals(True), on=DEV),
        *(
            check("own:termination-protection", stack, WHOLE, "Stack/TerminationProtection", equals(False), on=DEV)
            for stack in STACKS
            if stack not in {"bootstrap", "edge"}
        ),
        *(
            check("own:guard", stack, select, path, equals(value))
            for stack, select in (
                ("data", one("Database", "AWS::RDS::DBInstance")),
                (ANY_STACK, every("AWS::SecretsManager::Secret")),
                (ANY_STACK, every("AWS::S3::Bucket")),
                (ANY_STACK, every(KEY)),
            )
            for path, value in (
                ("/Guarded", True),
                ("/DeletionPolicy", "RetainExceptOnCreate"),
                ("/UpdateReplacePolicy", "Retain"),
            )
        ),
        *(
            check("own:guard", "platform", one("Repository"), path, equals(value), on=UNRESERVED)
            for path, value in (
                ("/Guarded", True),
                ("/DeletionPolicy", "RetainExceptOnCreate"),
                ("/UpdateReplacePolicy", "Retain"),
            )
        ),
        check("own:guard", "network", one("Vpc", "AWS::EC2::VPC"), "/Guarded", equals(True)),
        check("own:guard", ANY_STACK, every(GROUP), "/Guarded", equals(True)),
        check("own:guard", ANY_STACK, every(GROUP), "/UpdateReplacePolicy", equals("Retain")),
        check("own:guard", ANY_STACK, every(GROUP), "/DeletionPolicy", equals("RetainExceptOnCreate"), on=STRICT),
        check("own:guard", ANY_STACK, every(GROUP), "/DeletionPolicy", equals("Delete"), on=DEV),
        dev="the guard; the bootstrap stack is protected everywhere",
        prd="both",
    ),
    control(
        "guardduty",
        "Security",
        "One GuardDuty detector an account and region, in the bootstrap stack, when it is wanted and there is none. "
        "The rest of an account's controls (Config, CloudTrail, root user, passwords) belongs to whoever runs it.",
        check("own:guardduty", "bootstrap", one("GuardDutyDetector"), "Enable", equals(True), on=EVERYWHERE),
        check("own:guardduty", "bootstrap", one("GuardDutyDetector"), "/Condition", equals("WithGuardDuty")),
        check("own:guardduty", "bootstrap", WHOLE, "Parameters/GuardDuty/Default", equals("false")),
        check("own:guardduty", "bootstrap", WHOLE, "Stack/Parameters/GuardDuty", equals("context.guardduty")),
        dev="not wanted",
        prd="wanted",
    ),
)
