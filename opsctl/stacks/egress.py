"""How what runs in private subnets reaches AWS and the internet: NAT, default routes, endpoints; and the flow log.

A stack of its own, since NAT and endpoints take minutes that a database does not have to wait for.
"""

from __future__ import annotations

from troposphere import GetAtt, ec2, iam

from opsctl.config.models import Environment
from opsctl.stacks.model import StackTemplate
from opsctl.stacks.parts.base import StackBuilder, arn
from opsctl.stacks.parts.endpoints import interface_endpoints, s3_endpoint
from opsctl.stacks.parts.nat import add_nat
from opsctl.stacks.parts.network_inputs import vpc
from opsctl.stacks.parts.policies import SAME_ACCOUNT, allow, document, trust
from opsctl.stacks.parts.subnets import name_tag


def build(env: Environment) -> StackTemplate:
    """The egress stack. No outputs: what needs a way out comes after it."""
    stack = StackBuilder(env, "egress")
    add_nat(stack)
    s3_endpoint(stack)
    if env.vpc.interface_endpoints:
        interface_endpoints(stack)
    _flow_log(stack)
    return stack.finish()


def _flow_log(stack: StackBuilder) -> None:
    """All traffic to CloudWatch Logs. Every property is create-only: a change makes a new flow log. [Schema]"""
    if not stack.env.observability.flow_logs:
        return
    group = stack.output_of("platform", "FlowLogGroupName")
    role = stack.add(
        iam.Role(
            "FlowLogRole",
            AssumeRolePolicyDocument=trust("vpc-flow-logs.amazonaws.com", condition=SAME_ACCOUNT),
            Policies=[
                iam.Policy(
                    PolicyName="write-flow-logs",
                    PolicyDocument=document(
                        allow(
                            "WriteFlowLogs",
                            ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                            [
                                arn("logs", "log-group:${FlowLogGroupName}"),
                                arn("logs", "log-group:${FlowLogGroupName}:*"),
                            ],
                        )
                    ),
                )
            ],
        )
    )
    stack.add(
        ec2.FlowLog(
            "FlowLog",
            ResourceId=vpc(stack),
            ResourceType="VPC",
            TrafficType="ALL",
            LogDestinationType="cloud-watch-logs",
            LogGroupName=group,
            DeliverLogsPermissionArn=GetAtt(role, "Arn"),
            MaxAggregationInterval=600,
            Tags=name_tag(stack.env, "flow-log"),
        )
    )
