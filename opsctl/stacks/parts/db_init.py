"""The DbInit function, and the custom resource that runs it: database roles, schemas and grants.

They are in two stacks. A function in a VPC takes minutes to be made [functions], which happens beside the database; the
resource comes after both [jobs], so that its failure never rolls back the stack that holds the database.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from troposphere import AWSObject, GetAtt, Ref, awslambda, iam
from troposphere.validators import integer

from opsctl.config import naming
from opsctl.stacks.model import BUNDLE_VERSION
from opsctl.stacks.parts.base import StackBuilder, arn, named, skip
from opsctl.stacks.parts.network_inputs import private_subnets
from opsctl.stacks.parts.policies import OWN_IF_NAMED, SAME_ACCOUNT_IF_TOLD, Statement, allow, deny, document, trust
from opsctl.stacks.parts.queues import may_send
from opsctl.stacks.parts.tasks import decrypt_secrets, use_data_key

FUNCTION_SECONDS = 120
# Default 3600: a function that dies in silence would hold the stack for an hour, and again on the way back. It covers
# the time an event may wait (60 s) and one whole run. [CFN CustomResource]
SERVICE_SECONDS = 180
MAX_EVENT_AGE_SECONDS = 60
MAKE_INTERFACES = "ec2:CreateNetworkInterface"
KEEP_INTERFACES = ["ec2:AssignPrivateIpAddresses", "ec2:DeleteNetworkInterface", "ec2:UnassignPrivateIpAddresses"]
LIST_INTERFACES = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]
ARCHITECTURES = {"X86_64": "x86_64", "ARM64": "arm64"}


class DbInit(AWSObject):  # type: ignore[misc]  # troposphere has no types
    """`Custom::DbInit`: the properties its handler reads (it gets every value as text)."""

    resource_type = "Custom::DbInit"
    props = {  # noqa: RUF012  # troposphere's way to declare properties
        "ServiceToken": (str, True),
        "ServiceTimeout": (integer, True),
        "MasterSecretArn": (str, True),
        "Host": (str, True),
        "Port": (str, True),
        "Database": (str, True),
        "Roles": (dict, True),
        "RolesHash": (str, True),
        "BundleKey": (str, True),
        "Auth": (str, True),
        "LoginSecretArn": (str, False),
    }


def db_init_function(stack: StackBuilder) -> None:
    """Add the function and its role. Outputs: DbInitFunctionArn, its name, its role's and the key of its code."""
    failed = stack.output_of("platform", "DbInitFailuresArn")
    bundle = stack.context("DbInitBundleKey", "db_init_bundle_key", "Key of the function's bundle, by content hash")
    version = stack.context("DbInitBundleVersion", BUNDLE_VERSION, "Version that the deploy put there itself")
    role = _role(stack, failed)
    function = _function(stack, role, failed, bundle, version)
    stack.add(
        awslambda.EventInvokeConfig(
            "DbInitInvocation",
            FunctionName=Ref(function),
            Qualifier="$LATEST",
            # CloudFormation invokes asynchronously: an error or time-out would run the same event again after one and
            # two minutes, past an answer that was given long before. [Lambda DG invocation-async-error-handling]
            MaximumRetryAttempts=0,
            MaximumEventAgeInSeconds=MAX_EVENT_AGE_SECONDS,
        )
    )
    stack.output("DbInitFunctionArn", GetAtt(function, "Arn"), "Sets up database roles, for the custom resource")
    stack.output("DbInitFunctionName", Ref(function), "Sets up database roles; `opsctl db init` invokes it")
    stack.output("DbInitRoleName", Ref(role), "Role of the DbInit function")
    stack.output("DbInitBundleKey", bundle, "Key of the function's bundle, by content hash")


def database_roles(stack: StackBuilder) -> None:
    """Add the custom resource that runs the function, and the function's right to the master's login.

    The right is here because the secret is made with the database, for which the function does not wait.
    """
    secret = stack.output_of("data", "MasterSecretArn")
    passwords = stack.env.database_auth == "password"
    login = stack.output_of("data", "LoginSecretArn") if passwords else None
    keeps_login = (
        (
            allow(
                "KeepLogin",
                ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"],
                login,
            ),
        )
        if passwords
        else ()
    )
    right = stack.add(
        iam.PolicyType(
            "DbInitReadsMasterLogin",
            PolicyName="read-master-login",
            Roles=[stack.output_of("functions", "DbInitRoleName")],
            PolicyDocument=document(
                allow("ReadMasterLogin", ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"], secret),
                *keeps_login,
            ),
        )
    )
    names = naming.role_mapping(stack.env)
    stack.add(
        DbInit(
            "DatabaseRoles",
            DependsOn=[right.title],
            ServiceToken=stack.output_of("functions", "DbInitFunctionArn"),
            ServiceTimeout=SERVICE_SECONDS,
            # The ARN: a dynamic reference to a secret doesn't work in a custom resource. [UG CFN dynamic-references]
            MasterSecretArn=secret,
            Host=stack.output_of("data", "DatabaseHost"),
            Port=stack.output_of("data", "DatabasePort"),
            Database=stack.output_of("data", "DatabaseName"),
            Auth=stack.env.database_auth,
            Roles=names,
            # Either makes it run again: a change of the roles, or of the code that plans them.
            RolesHash=roles_hash(names),
            BundleKey=stack.output_of("functions", "DbInitBundleKey"),
            **({"LoginSecretArn": login} if passwords else {}),
        )
    )


def roles_hash(names: dict[str, Any]) -> str:
    """SHA-256 of the mapping's canonical JSON, in hex."""
    return hashlib.sha256(json.dumps(names, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _function(stack: StackBuilder, role: iam.Role, failed: Any, bundle: Any, version: Any) -> awslambda.Function:
    """No FunctionName, no PackageType: a change of either replaces the function, and a custom resource can't follow
    its ServiceToken to another one. [CFN CustomResource, ServiceToken]
    """
    env = stack.env
    function = awslambda.Function(
        "DbInitFunction",
        Description=f"Database roles of {env.service} in {env.name}",
        Runtime="python3.13",
        Architectures=[ARCHITECTURES[env.ecs.cpu_architecture]],
        Handler="opsctl.dbroles.handler.handler",
        Code=awslambda.Code(
            S3Bucket=stack.output_of("bootstrap", "ArtifactBucketName"), S3Key=bundle, S3ObjectVersion=version
        ),
        Role=GetAtt(role, "Arn"),
        Timeout=FUNCTION_SECONDS,  # of at most 900; the default is 3 [API]
        MemorySize=256,
        VpcConfig=awslambda.VPCConfig(
            SubnetIds=private_subnets(stack), SecurityGroupIds=[stack.output_of("network", "DbInitSecurityGroupId")]
        ),
        LoggingConfig=awslambda.LoggingConfig(LogGroup=stack.output_of("platform", "FunctionLogGroupName")),
        DeadLetterConfig=awslambda.DeadLetterConfig(TargetArn=failed),
    )
    _environment(stack, function)
    _concurrency(stack, function)
    return stack.add(function)


def _environment(stack: StackBuilder, function: awslambda.Function) -> None:
    if stack.env.target == "aws":
        # A path in the bundle: with it the function verifies the server before it sends the master's password.
        function.Environment = awslambda.Environment(Variables={"DB_SSL_ROOT_CERT": "certs/rds.pem"})
    if stack.env.security.customer_managed_keys:
        function.KmsKeyArn = stack.output_of("platform", "DataKeyArn")
    elif stack.env.target == "aws":
        skip(function, "CKV_AWS_173", "It holds a file name; security.customer_managed_keys is off.")


def _concurrency(stack: StackBuilder, function: awslambda.Function) -> None:
    reserved = stack.env.ecs.init_reserved_concurrency
    if reserved is None:
        skip(
            function, "CKV_AWS_115", "A new account's quota is too small to reserve any; runs wait for a database lock."
        )
    else:
        function.ReservedConcurrentExecutions = reserved


def _role(stack: StackBuilder, failed: Any) -> iam.Role:
    env = stack.env
    # What it writes is the application's login, where that has a password.
    writes = env.security.customer_managed_keys and env.database_auth == "password"
    keys = (use_data_key(stack, "secretsmanager", "kms:Decrypt", "kms:GenerateDataKey"),) if writes else None
    statements = [*_network_and_log(stack), *(keys or decrypt_secrets(stack)), may_send(failed)]
    if env.security.customer_managed_keys:
        statements.append(use_data_key(stack, "lambda", "kms:Decrypt"))
    return stack.add(
        iam.Role(
            "DbInitRole",
            Description=f"Sets up the database roles of {env.service} in {env.name}",
            # A template of AWS's own demands it, its guide says nothing. [aws/agent-toolkit-for-aws]
            AssumeRolePolicyDocument=trust("lambda.amazonaws.com", condition=SAME_ACCOUNT_IF_TOLD),
            Policies=[iam.Policy(PolicyName="work", PolicyDocument=document(*statements))],
        )
    )


def _network_and_log(stack: StackBuilder) -> tuple[Statement, ...]:
    """What Lambda does with the function's role: interfaces in this account's subnets, and lines to the one log group.

    Lambda asks before there is an interface and names none, so what it does to one later has to be allowed on `*`: with
    an ARN no function is made. The function's own code is refused all of it, as AWS advises.
    [Lambda DG configuration-vpc; hashicorp/terraform-provider-aws#20698]
    """
    group = named(stack.output_of("platform", "FunctionLogGroupName"))
    places = [arn("ec2", f"{kind}/*") for kind in ("network-interface", "subnet", "security-group")]
    function = {"ArnLike": {"lambda:SourceFunctionArn": arn("lambda", "function:*")}}
    return (
        allow("MakeInterfaces", MAKE_INTERFACES, places),
        allow("KeepInterfaces", [*KEEP_INTERFACES, *LIST_INTERFACES], "*", condition=OWN_IF_NAMED),
        deny("NotByItsCode", [MAKE_INTERFACES, *KEEP_INTERFACES, *LIST_INTERFACES], "*", condition=function),
        allow(
            "WriteLog", ["logs:CreateLogStream", "logs:PutLogEvents"], arn("logs", f"log-group:{group}:log-stream:*")
        ),
    )
