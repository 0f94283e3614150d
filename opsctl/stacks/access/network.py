"""Of what CloudFormation does with the deployer's rights: the network, the load balancer, names, and CloudFront."""

from __future__ import annotations

from opsctl.stacks.access.grounds import Condition, Grounds, actions
from opsctl.stacks.parts.policies import Statement, allow


def reached_through(on: Grounds) -> list[Statement]:
    """From the network's ground to what visitors see."""
    return [*_network(on), *_load_balancer(on), *_addresses(on), *_edge(on)]


def _network(on: Grounds) -> list[Statement]:
    # Amazon's images have no account.
    anything = [on.arn("ec2", "*"), on.arn("ec2", "image/*", account="")]
    return [
        allow(
            "MakeNetwork",
            actions(
                "ec2",
                "AllocateAddress AssociateAddress AssociateIamInstanceProfile AssociateRouteTable "
                "AttachInternetGateway AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress CreateFlowLogs "
                "CreateInternetGateway CreateNatGateway CreateRoute CreateRouteTable CreateSecurityGroup CreateSubnet "
                "CreateVpc CreateVpcEndpoint DisassociateAddress DisassociateRouteTable ReplaceRouteTableAssociation "
                "RevokeSecurityGroupEgress RevokeSecurityGroupIngress RunInstances "
                "UpdateSecurityGroupRuleDescriptionsEgress UpdateSecurityGroupRuleDescriptionsIngress",
            ),
            anything,
            condition=on.nobody_elses,
        ),
        allow("TagNetwork", "ec2:CreateTags", on.arn("ec2", "*"), condition=on.tagged_ours),
        allow(
            "ChangeNetwork",
            actions(
                "ec2",
                "DeleteFlowLogs DeleteInternetGateway DeleteNatGateway DeleteRoute DeleteRouteTable "
                "DeleteSecurityGroup DeleteSubnet DeleteTags DeleteVpc DeleteVpcEndpoints DetachInternetGateway "
                "DisassociateIamInstanceProfile ModifyInstanceAttribute ModifyInstanceCreditSpecification "
                "ModifyInstanceMetadataOptions ModifySubnetAttribute ModifyVpcAttribute ModifyVpcEndpoint "
                "MonitorInstances ReleaseAddress ReplaceIamInstanceProfileAssociation ReplaceRoute StartInstances "
                "StopInstances TerminateInstances UnmonitorInstances",
            ),
            on.arn("ec2", "*"),
            condition=on.ours,
        ),
    ]


def _load_balancer(on: Grounds) -> list[Statement]:
    anything = on.arn("elasticloadbalancing", "*")
    return [
        allow(
            "MakeLoadBalancer",
            actions(
                "elasticloadbalancing",
                "CreateListener CreateLoadBalancer CreateTargetGroup CreateWebACLAssociation",
            ),
            anything,
            condition=on.nobody_elses,
        ),
        allow("TagLoadBalancer", "elasticloadbalancing:AddTags", anything, condition=on.tagged_ours),
        allow(
            "ChangeLoadBalancer",
            actions(
                "elasticloadbalancing",
                "DeleteListener DeleteLoadBalancer DeleteTargetGroup DeleteWebACLAssociation DeregisterTargets "
                "GetLoadBalancerWebACL ModifyListener ModifyListenerAttributes ModifyLoadBalancerAttributes "
                "ModifyTargetGroup ModifyTargetGroupAttributes RegisterTargets RemoveTags "
                "SetIpAddressType SetSecurityGroups SetSubnets",
            ),
            anything,
            condition=on.ours,
        ),
        allow(
            "KeepFirewall",
            actions(
                "wafv2",
                "AssociateWebACL CreateWebACL DeleteWebACL DisassociateWebACL GetWebACL GetWebACLForResource "
                "ListTagsForResource UntagResource UpdateWebACL",
            ),
            [*on.everywhere("wafv2", "*/webacl/*"), on.load_balancer],
            condition=on.nobody_elses,
        ),
        allow("TagFirewall", "wafv2:TagResource", on.everywhere("wafv2", "*/webacl/*"), condition=on.tagged_ours),
        # Rule groups are AWS's own here.
        allow(
            "UseAwsRules",
            actions("wafv2", "CreateWebACL UpdateWebACL"),
            on.everywhere("wafv2", "*/managedruleset/*"),
        ),
    ]  # fmt: skip


def _addresses(on: Grounds) -> list[Statement]:
    if not on.domains:
        return []
    certificates = on.everywhere("acm", "certificate/*")
    # Route 53 writes the star of a name so. [UG Route 53, domain name format]
    names = [name.replace("*", "\\052") for name in on.domains]
    # And the records that prove to ACM whose the names are.
    proofs = [f"_*.{name.removeprefix('*.')}" for name in on.domains]
    ours: Condition = {
        "ForAllValues:StringLike": {"route53:ChangeResourceRecordSetsNormalizedRecordNames": [*names, *proofs]},
    }
    records = [
        allow("KeepRecords", "route53:ChangeResourceRecordSets", on.zones, condition=ours),
        allow("SeeRecords", "route53:ListResourceRecordSets", on.zones),
        allow("FollowRecords", "route53:GetChange", "arn:aws:route53:::change/*"),
    ]
    return [
        *(records if on.zones else []),
        # A new one has no number yet.
        allow("MakeCertificates", "acm:RequestCertificate", "*", condition=on.born_ours),
        allow("TagCertificates", "acm:AddTagsToCertificate", certificates, condition=on.tagged_ours),
        allow(
            "KeepCertificates",
            actions(
                "acm",
                "DeleteCertificate DescribeCertificate ListTagsForCertificate RemoveTagsFromCertificate "
                "UpdateCertificateOptions",
            ),
            certificates,
            condition=on.ours,
        ),
    ]


def _edge(on: Grounds) -> list[Statement]:
    if not on.env.site.enabled:
        return []
    distributions = on.arn("cloudfront", "distribution/*", region="")
    return [
        # New ones have no number yet.
        allow(
            "MakeEdge",
            actions("cloudfront", "CreateDistribution CreateOriginAccessControl CreateResponseHeadersPolicy"),
            "*",
        ),
        # They have numbers of CloudFront's and no tags, so another environment's are within reach; those that a
        # distribution uses can't be deleted.
        allow(
            "KeepEdgesParts",
            actions(
                "cloudfront",
                "DeleteOriginAccessControl DeleteResponseHeadersPolicy GetOriginAccessControl GetResponseHeadersPolicy "
                "UpdateOriginAccessControl UpdateResponseHeadersPolicy",
            ),
            [
                on.arn("cloudfront", f"{kind}/*", region="")
                for kind in ("origin-access-control", "response-headers-policy")
            ],
        ),
        allow("TagEdge", "cloudfront:TagResource", distributions, condition=on.tagged_ours),
        allow(
            "KeepEdge",
            actions(
                "cloudfront",
                "DeleteDistribution GetDistribution GetDistributionConfig ListTagsForResource UntagResource "
                "UpdateDistribution",
            ),
            distributions,
            condition=on.ours,
        ),
    ]
