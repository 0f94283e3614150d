"""Templates of DB instances, and connections to their PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2

from tests.functional.local.sandbox import Sandbox
from tests.functional.local.stacks import Template, function

_HANDLER = """
import json, urllib.request
import boto3, psycopg2

def handler(event, context):
    answer = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    answer["PhysicalResourceId"] = event.get("PhysicalResourceId", "db-init")
    try:
        if event["RequestType"] != "Delete":
            given = event["ResourceProperties"]
            value = boto3.client("secretsmanager").get_secret_value(SecretId=given["Secret"])
            secret = json.loads(value["SecretString"])
            connection = psycopg2.connect(host=given["Host"], port=given["Port"], dbname=given["Database"],
                                          user=secret["username"], password=secret["password"])
            with connection, connection.cursor() as cursor:
                cursor.execute("CREATE ROLE app_user LOGIN")
                cursor.execute("SELECT current_user")
                answer["Data"] = {"User": cursor.fetchone()[0]}
        answer["Status"] = "SUCCESS"
    except Exception as error:
        answer.update(Status="FAILED", Reason=str(error)[:500])
    request = urllib.request.Request(event["ResponseURL"], json.dumps(answer).encode(), method="PUT")
    urllib.request.urlopen(request)
"""


def template() -> Template:
    """A DB instance with what stands around one: secret, rotation, replica, a custom resource that connects."""
    return {
        "Transform": "AWS::SecretsManager-2024-09-16",
        "Resources": {
            **_network(),
            "Secret": {
                "Type": "AWS::SecretsManager::Secret",
                "Properties": {
                    "GenerateSecretString": {
                        "SecretStringTemplate": '{"username":"opsctl_admin"}',
                        "GenerateStringKey": "password",
                        "PasswordLength": 40,
                        "ExcludeCharacters": '"@/\\',
                    }
                },
            },
            "Db": _instance(),
            **_rotation(),
            "Replica": {
                "Type": "AWS::RDS::DBInstance",
                "Properties": {"SourceDBInstanceIdentifier": {"Ref": "Db"}, "DBInstanceClass": "db.t4g.micro"},
            },
            **function(_HANDLER),
            "Init": {
                "Type": "Custom::DbInit",
                "DependsOn": "Attachment",
                "Properties": {
                    "ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]},
                    "ServiceTimeout": "60",
                    "Secret": {"Ref": "Secret"},
                    "Host": {"Fn::GetAtt": ["Db", "Endpoint.Address"]},
                    "Port": {"Fn::GetAtt": ["Db", "Endpoint.Port"]},
                    "Database": "salaries",
                },
            },
        },
        "Outputs": {
            "Host": {"Value": {"Fn::GetAtt": ["Db", "Endpoint.Address"]}},
            "Port": {"Value": {"Fn::GetAtt": ["Db", "Endpoint.Port"]}},
            "ResourceId": {"Value": {"Fn::GetAtt": ["Db", "DbiResourceId"]}},
            "ReplicaPort": {"Value": {"Fn::GetAtt": ["Replica", "Endpoint.Port"]}},
            "Db": {"Value": {"Ref": "Db"}},
            "Secret": {"Value": {"Ref": "Secret"}},
            "InitUser": {"Value": {"Fn::GetAtt": ["Init", "User"]}},
        },
    }


def _network() -> Template:
    return {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
        "A": {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.0.0.0/24"}},
        "B": {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.0.1.0/24"}},
        "Group": {
            "Type": "AWS::RDS::DBSubnetGroup",
            "Properties": {"DBSubnetGroupDescription": "g", "SubnetIds": [{"Ref": "A"}, {"Ref": "B"}]},
        },
        "Parameters": {
            "Type": "AWS::RDS::DBParameterGroup",
            "Properties": {"Family": "postgres18", "Description": "p", "Parameters": {"rds.force_ssl": "1"}},
        },
    }


def _instance() -> Template:
    secret = {"Fn::Sub": "{{resolve:secretsmanager:${Secret}:SecretString:password}}"}
    user = {"Fn::Sub": "{{resolve:secretsmanager:${Secret}:SecretString:username}}"}
    return {
        "Type": "AWS::RDS::DBInstance",
        "Properties": {
            "Engine": "postgres",
            "EngineVersion": "18",
            "DBInstanceClass": "db.t4g.micro",
            "AllocatedStorage": "20",
            "DBName": "salaries",
            "MasterUsername": user,
            "MasterUserPassword": secret,
            "DBSubnetGroupName": {"Ref": "Group"},
            "DBParameterGroupName": {"Ref": "Parameters"},
            "EnableIAMDatabaseAuthentication": True,
        },
    }


def _rotation() -> Template:
    return {
        "Attachment": {
            "Type": "AWS::SecretsManager::SecretTargetAttachment",
            "Properties": {
                "SecretId": {"Ref": "Secret"},
                "TargetId": {"Ref": "Db"},
                "TargetType": "AWS::RDS::DBInstance",
            },
        },
        "Rotation": {
            "Type": "AWS::SecretsManager::RotationSchedule",
            "DependsOn": "Attachment",
            "Properties": {
                "SecretId": {"Ref": "Secret"},
                "HostedRotationLambda": {"RotationType": "PostgreSQLSingleUser"},
                "RotationRules": {"AutomaticallyAfterDays": 30},
            },
        },
    }


def secret_of(sandbox: Sandbox, stack: dict[str, str]) -> dict[str, Any]:
    """What the secret of the instance holds now."""
    value = sandbox.client("secretsmanager").get_secret_value(SecretId=stack["Secret"])["SecretString"]
    secret: dict[str, Any] = json.loads(value)
    return secret


@contextmanager
def connected(stack: dict[str, str], **options: Any) -> Iterator[Any]:
    """A cursor in the instance of these outputs, whose work is committed at the end."""
    connection = psycopg2.connect(host=stack["Host"], port=stack["Port"], **{"dbname": "salaries", **options})
    try:
        with connection, connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def app_login(sandbox: Sandbox, stack: dict[str, str]) -> dict[str, str]:
    """How the owner of the state logs in as the application's role."""
    return {
        "user": "app_user",
        "password": sandbox.target.database_login(int(stack["Port"]), "app_user")["PGPASSWORD"],
    }


def instance_template(**properties: Any) -> Template:
    """One DB instance that outlives its stack, and where it is."""
    db = {"Engine": "postgres", "EngineVersion": "18", **properties}
    return {
        "Resources": {"Db": {"Type": "AWS::RDS::DBInstance", "DeletionPolicy": "Retain", "Properties": db}},
        "Outputs": {
            "Host": {"Value": {"Fn::GetAtt": ["Db", "Endpoint.Address"]}},
            "Port": {"Value": {"Fn::GetAtt": ["Db", "Endpoint.Port"]}},
            "Db": {"Value": {"Ref": "Db"}},
        },
    }


def counted(stack: dict[str, str], password: str) -> tuple[int, str]:
    """Rows of `note` as the master sees them, and whose table it is."""
    with connected(stack, user="opsctl_admin", password=password) as cursor:
        cursor.execute("SELECT count(*), min(tableowner) FROM note, pg_tables WHERE tablename = 'note'")
        found = cursor.fetchone()
        return int(found[0]), str(found[1])
