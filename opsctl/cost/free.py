"""Resource types that no bill has a line for, and why: AWS charges nothing, or less than a cent at any size of ours."""

from __future__ import annotations

_SETTING = "a setting of something else, which is billed itself or not at all"
_NETWORK = "networks, routes, rules and gateways of the internet cost nothing; addresses and traffic do"
_RIGHTS = "rights cost nothing"
_PARTS = "part of the load balancer or distribution"
_FEW = "the few calls of an environment cost less than a cent"

WITHOUT_CHARGE: dict[str, str] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": "scaling costs nothing; its alarms do, and are counted by policy",
    "AWS::Budgets::Budget": "budgets without actions cost nothing",
    "AWS::CertificateManager::Certificate": "public certificates cost nothing",
    "AWS::CloudFront::OriginAccessControl": _PARTS,
    "AWS::CloudFront::ResponseHeadersPolicy": _PARTS,
    "AWS::EC2::InternetGateway": _NETWORK,
    "AWS::EC2::Route": _NETWORK,
    "AWS::EC2::RouteTable": _NETWORK,
    "AWS::EC2::SecurityGroup": _NETWORK,
    "AWS::EC2::SecurityGroupEgress": _NETWORK,
    "AWS::EC2::SecurityGroupIngress": _NETWORK,
    "AWS::EC2::Subnet": _NETWORK,
    "AWS::EC2::SubnetRouteTableAssociation": _NETWORK,
    "AWS::EC2::VPC": _NETWORK,
    "AWS::EC2::VPCGatewayAttachment": _NETWORK,
    "AWS::ECS::TaskDefinition": "what runs of it is billed with its service or schedule",
    "AWS::ElasticLoadBalancingV2::Listener": _PARTS,
    "AWS::ElasticLoadBalancingV2::ListenerRule": _PARTS,
    "AWS::ElasticLoadBalancingV2::TargetGroup": _PARTS,
    "AWS::IAM::InstanceProfile": _RIGHTS,
    "AWS::IAM::ManagedPolicy": _RIGHTS,
    "AWS::IAM::OIDCProvider": _RIGHTS,
    "AWS::IAM::Policy": _RIGHTS,
    "AWS::IAM::Role": _RIGHTS,
    "AWS::KMS::Alias": _SETTING,
    "AWS::Lambda::EventInvokeConfig": _SETTING,
    "AWS::Lambda::Function": f"DbInit runs for seconds, once a deploy: {_FEW}",
    "AWS::RDS::DBParameterGroup": _SETTING,
    "AWS::RDS::DBSubnetGroup": _SETTING,
    "AWS::RDS::EventSubscription": _FEW,
    "AWS::Route53::RecordSet": "queries of alias records cost nothing; the hosted zone is not the environment's",
    "AWS::S3::BucketPolicy": _RIGHTS,
    "AWS::SNS::Subscription": "the first 1,000 e-mails a month cost nothing, the next 100,000 two dollars",
    "AWS::SNS::Topic": _FEW,
    "AWS::SNS::TopicPolicy": _RIGHTS,
    "AWS::SQS::Queue": f"holds what failed: {_FEW}",
    "AWS::SQS::QueuePolicy": _RIGHTS,
    "AWS::SecretsManager::RotationSchedule": f"its function runs once in weeks: {_FEW}",
    "AWS::SecretsManager::SecretTargetAttachment": _SETTING,
    "AWS::WAFv2::WebACLAssociation": _SETTING,
    "Custom::DbInit": "an order to the function",
}
