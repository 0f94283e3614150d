"""Who may take the roles of CI: the jobs of one environment of one repository, and nobody else."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from opsctl.stacks.access.grounds import Grounds
from opsctl.stacks.ci import AUDIENCE, ISSUER, build
from tests.functional.aws.enforcing import REGION, Emulator, enforcing
from tests.unit.stacks import reading
from tests.unit.stacks.access.judge import ACCOUNT

pytestmark = pytest.mark.emulator
SUBJECT = "repo:Acme/shop"
ROLES = {"PlanRole": "hml-plan", "PublishRole": "hml-publish", "EntryRole": "hml"}


@dataclass(frozen=True)
class Account:
    """One with the roles of hml."""

    emulator: Emulator

    def sign_in(self, role: str, claims: dict[str, Any]) -> dict[str, str]:
        """As a job does with its token: credentials, or ClientError."""
        sts = boto3.client(
            "sts", endpoint_url=self.emulator.url, region_name=REGION, config=Config(signature_version=UNSIGNED)
        )
        answer = sts.assume_role_with_web_identity(
            RoleArn=arn(role), RoleSessionName="job", WebIdentityToken=token(claims)
        )
        return {name: str(value) for name, value in answer["Credentials"].items()}

    def client(self, service: str, credentials: dict[str, str]) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service, endpoint_url=self.emulator.url, region_name=REGION,
            aws_access_key_id=credentials["AccessKeyId"], aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
        )  # fmt: skip


def arn(role: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{role}"


def token(claims: dict[str, Any]) -> str:
    """A JSON Web Token. The emulator does not ask who signed it, as AWS does."""
    parts = [json.dumps(each).encode() for each in ({"alg": "RS256", "typ": "JWT"}, claims)]
    return ".".join(base64.urlsafe_b64encode(each).decode().rstrip("=") for each in (*parts, b"signature"))


def claims(environment: str = "hml", **other: Any) -> dict[str, Any]:
    return {"iss": f"https://{ISSUER}", "aud": AUDIENCE, "sub": f"{SUBJECT}:environment:{environment}", **other}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    found = reading.Stack(build(Grounds(reading.environment("hml"), ACCOUNT, ACCOUNT), SUBJECT))
    with enforcing(tmp_path_factory.mktemp("emulator")) as emulator:
        make(emulator.client("iam"), found)
        yield Account(emulator)


def make(iam: Any, stack: reading.Stack) -> None:
    """What CloudFormation would, under the logical ids."""
    provider = stack["GitHub"]
    iam.create_open_id_connect_provider(Url=provider["Url"], ClientIDList=provider["ClientIdList"])
    for name, policy in stack.of_type("AWS::IAM::ManagedPolicy").items():
        iam.create_policy(PolicyName=name, PolicyDocument=json.dumps(policy["PolicyDocument"]))
    for name, role in stack.of_type("AWS::IAM::Role").items():
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(resolved(role)))
        for policy in role.get("ManagedPolicyArns", []):
            iam.attach_role_policy(RoleName=name, PolicyArn=f"arn:aws:iam::{ACCOUNT}:policy/{policy['Ref']}")
    entry = stack["EntryPolicy"]["PolicyDocument"]
    assert entry["Statement"][0].pop("Resource") == {"Fn::GetAtt": ["DeployRole", "Arn"]}
    entry["Statement"][0]["Resource"] = arn("DeployRole")
    iam.put_role_policy(RoleName="EntryRole", PolicyName="assume-deployer", PolicyDocument=json.dumps(entry))


def resolved(properties: dict[str, Any]) -> dict[str, Any]:
    """The trust policy with its principal's ARN."""
    document: dict[str, Any] = properties["AssumeRolePolicyDocument"]
    principal = document["Statement"][0]["Principal"]
    if "Federated" in principal:
        principal["Federated"] = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
    else:
        principal["AWS"] = arn("EntryRole")
    return document


STRANGERS: dict[str, dict[str, Any]] = {
    "another repository": {"sub": "repo:Acme/other:environment:hml"},
    "a repository whose name goes on": {"sub": "repo:Acme/shop2:environment:hml"},
    "a repository whose name ends so": {"sub": "repo:Acme/my-shop:environment:hml"},
    "another owner": {"sub": "repo:Evil/shop:environment:hml"},
    "another owner, other case": {"sub": "repo:acme/shop:environment:hml"},
    "an owner whose name goes on": {"sub": "repo:Acme-evil/shop:environment:hml"},
    "the same name with ids": {"sub": "repo:Acme@1/shop@2:environment:hml"},
    "a branch": {"sub": "repo:Acme/shop:ref:refs/heads/main"},
    "a branch called like the environment": {"sub": "repo:Acme/shop:ref:refs/heads/environment:hml"},
    "a tag": {"sub": "repo:Acme/shop:ref:refs/tags/hml"},
    "a pull request": {"sub": "repo:Acme/shop:pull_request"},
    "another environment": {"sub": "repo:Acme/shop:environment:prd"},
    "the environment of plans": {"sub": "repo:Acme/shop:environment:hml-plan"},
    "the environment of pushes": {"sub": "repo:Acme/shop:environment:hml-publish"},
    "an environment whose name goes on": {"sub": "repo:Acme/shop:environment:hml2"},
    "an environment in other case": {"sub": "repo:Acme/shop:environment:HML"},
    "a subject that goes on": {"sub": "repo:Acme/shop:environment:hml:job_workflow_ref:x"},
    "a subject with a wildcard": {"sub": "repo:Acme/*:environment:hml"},
    "no subject": {"sub": ""},
    "an owner's audience": {"aud": "https://github.com/Acme"},
    "another audience": {"aud": "sts.amazonaws.com.evil.example"},
    "no audience": {"aud": ""},
    "another issuer": {"iss": "https://token.actions.evil.example"},
    "a self-hosted GitHub": {"iss": "https://github.acme.example/_services/token"},
    "an issuer with a path": {"iss": f"https://{ISSUER}/Acme"},
    "GitLab": {"iss": "https://gitlab.com"},
}


@pytest.mark.parametrize("role", ROLES)
def test_each_role_is_taken_by_the_jobs_of_its_environment(account: Account, role: str) -> None:
    for environment in {*ROLES.values(), "prd"}:
        if environment == ROLES[role]:
            assert account.sign_in(role, claims(environment))["SessionToken"]
        else:
            with pytest.raises(ClientError, match="AccessDenied"):
                account.sign_in(role, claims(environment))


@pytest.mark.parametrize("stranger", STRANGERS)
def test_nobody_else_gets_in(account: Account, stranger: str) -> None:
    for role in ("EntryRole", "DeployRole"):
        with pytest.raises(ClientError, match="AccessDenied"):
            account.sign_in(role, claims(**STRANGERS[stranger]))


def test_who_enters_to_deploy_may_become_the_deployer_and_nothing_else(account: Account) -> None:
    entered = account.sign_in("EntryRole", claims())
    for service, call, arguments in (
        ("s3", "list_buckets", {}), ("iam", "list_roles", {}), ("cloudformation", "describe_stacks", {}),
        ("sts", "assume_role", {"RoleArn": arn("PlanRole"), "RoleSessionName": "plan"}),
    ):  # fmt: skip
        with pytest.raises(ClientError, match=r"AccessDenied|Unauthorized"):
            getattr(account.client(service, entered), call)(**arguments)
    sts = account.client("sts", entered)
    deployer = sts.assume_role(RoleArn=arn("DeployRole"), RoleSessionName="deploy")["Credentials"]
    assert account.client("cloudformation", deployer).describe_stacks()["Stacks"] == []


def test_who_plans_or_pushes_becomes_no_deployer(account: Account) -> None:
    for role in ("PlanRole", "PublishRole"):
        sts = account.client("sts", account.sign_in(role, claims(ROLES[role])))
        with pytest.raises(ClientError, match="AccessDenied"):
            sts.assume_role(RoleArn=arn("DeployRole"), RoleSessionName="deploy")
