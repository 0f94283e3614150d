"""Small templates, and deploying them the way opsctl does: through change sets."""

from __future__ import annotations

import json
import time
from typing import Any

Template = dict[str, Any]


def function(code: str) -> Template:
    """Resources `Function`, which runs this, and its `Role`."""
    return {
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": []}}},
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Runtime": "python3.13",
                "Handler": "index.handler",
                "Timeout": 60,
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                "Code": {"ZipFile": code},
            },
        },
    }


def deploy(
    client: Any, name: str, template: Template, parameters: dict[str, str] | None = None, wait: float = 90, **more: Any
) -> str:
    """Create a change set, with `more` of its options, execute it, and answer the stack's final status."""
    kind = "UPDATE" if _status(client, name) not in ("", "REVIEW_IN_PROGRESS") else "CREATE"
    change = client.create_change_set(
        StackName=name,
        ChangeSetName=f"c{time.monotonic_ns()}",
        ChangeSetType=kind,
        TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in (parameters or {}).items()],
        **more,
    )["Id"]
    described = client.describe_change_set(ChangeSetName=change)
    assert described["Status"] == "CREATE_COMPLETE", described.get("StatusReason")
    client.execute_change_set(ChangeSetName=change)
    return settle(client, name, wait)


def settle(client: Any, name: str, wait: float = 90) -> str:
    """Wait until no operation is running; answers the status, `GONE` after a deletion."""
    deadline = time.monotonic() + wait
    while time.monotonic() < deadline:
        status = _status(client, name)
        if not status.endswith("_IN_PROGRESS"):
            return status or "GONE"
        time.sleep(0.1)
    raise AssertionError(f"stack {name} is still {_status(client, name)}: {reasons(client, name)}")


def _status(client: Any, name: str) -> str:
    try:
        status: str = client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
    except client.exceptions.ClientError:
        return ""
    return status


def reasons(client: Any, name: str) -> list[str]:
    """Reasons of failed events, newest first."""
    events = client.describe_stack_events(StackName=name)["StackEvents"]
    return [each.get("ResourceStatusReason", "") for each in events if each["ResourceStatus"].endswith("FAILED")]


def outputs(client: Any, name: str) -> dict[str, str]:
    stack = client.describe_stacks(StackName=name)["Stacks"][0]
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}


def service_template(*, command: list[str] | None = None, interval: int = 2) -> Template:
    """VPC, load balancer, target group, listener, task definition and service; the image is a parameter."""
    subnet = {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.0.0.0/26"}}
    return {
        "Parameters": {"Image": {"Type": "String"}, "Count": {"Type": "Number", "Default": 1}},
        "Resources": {
            "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
            "Subnet": subnet,
            "Group": {
                "Type": "AWS::EC2::SecurityGroup",
                "Properties": {"GroupDescription": "g", "VpcId": {"Ref": "Vpc"}},
            },
            "Cluster": {"Type": "AWS::ECS::Cluster", "Properties": {"ClusterName": "tiny"}},
            "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/tiny/service"}},
            "Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {"SecretString": "from-the-vault"}},
            **_balancer(interval),
            "Definition": {
                "Type": "AWS::ECS::TaskDefinition",
                "Properties": _definition(command or ["python", "app.py", "serve"]),
            },
            "Service": {
                "Type": "AWS::ECS::Service",
                "DependsOn": "Listener",
                "Properties": {
                    "ServiceName": "tiny",
                    "Cluster": {"Ref": "Cluster"},
                    "TaskDefinition": {"Ref": "Definition"},
                    "DesiredCount": {"Ref": "Count"},
                    "LaunchType": "FARGATE",
                    "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": [{"Ref": "Subnet"}]}},
                    "LoadBalancers": [
                        {"ContainerName": "service", "ContainerPort": 8000, "TargetGroupArn": {"Ref": "Targets"}}
                    ],
                    "DeploymentConfiguration": {
                        "MaximumPercent": 200,
                        "MinimumHealthyPercent": 100,
                        "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
                    },
                },
            },
        },
        "Outputs": {
            "Dns": {"Value": {"Fn::GetAtt": ["Balancer", "DNSName"]}},
            "Definition": {"Value": {"Ref": "Definition"}},
            "Targets": {"Value": {"Ref": "Targets"}},
        },
    }


def _balancer(interval: int) -> Template:
    return {
        "Balancer": {
            "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
            "Properties": {"Subnets": [{"Ref": "Subnet"}], "SecurityGroups": [{"Ref": "Group"}]},
        },
        "Targets": {
            "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
            "Properties": {
                "TargetType": "ip",
                "Port": 8000,
                "Protocol": "HTTP",
                "VpcId": {"Ref": "Vpc"},
                "HealthCheckPath": "/healthz",
                "HealthCheckIntervalSeconds": interval,
                "HealthCheckTimeoutSeconds": 2,
                "UnhealthyThresholdCount": 2,
                "Matcher": {"HttpCode": "200"},
            },
        },
        "Listener": {
            "Type": "AWS::ElasticLoadBalancingV2::Listener",
            "Properties": {
                "LoadBalancerArn": {"Ref": "Balancer"},
                "Port": 80,
                "Protocol": "HTTP",
                "DefaultActions": [{"Type": "forward", "TargetGroupArn": {"Ref": "Targets"}}],
            },
        },
    }


def _definition(command: list[str]) -> Template:
    return {
        "Family": "tiny",
        "NetworkMode": "awsvpc",
        "RequiresCompatibilities": ["FARGATE"],
        "Cpu": "256",
        "Memory": "512",
        "ContainerDefinitions": [
            {
                "Name": "service",
                "Image": {"Ref": "Image"},
                "Command": command,
                "PortMappings": [{"ContainerPort": 8000}],
                "StopTimeout": 5,
                "Environment": [{"Name": "GREETING", "Value": "hello"}, {"Name": "DATA_DIR", "Value": "/data"}],
                "MountPoints": [{"SourceVolume": "scratch", "ContainerPath": "/data"}],
                "Secrets": [{"Name": "SECRET", "ValueFrom": {"Ref": "Secret"}}],
                "LogConfiguration": {
                    "LogDriver": "awslogs",
                    "Options": {
                        "awslogs-group": {"Ref": "Logs"},
                        "awslogs-region": {"Ref": "AWS::Region"},
                        "awslogs-stream-prefix": "tiny",
                    },
                },
            }
        ],
    }
