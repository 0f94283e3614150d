"""Where an environment may be deployed, and on what. Apart from `rules.py` because it takes the names of AWS's regions
and instance types, which come with the SDK and not with opsctl: whoever loads a file hands them in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from opsctl.config import offered
from opsctl.config.models import Environment
from opsctl.config.nearest import nearest
from opsctl.config.problem import Problem

# China, the two of the US government, and isolated ones: accounts, endpoints and ARNs of their own.
# https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html
OTHER_PARTITIONS = ("cn-", "us-gov-", "us-iso", "eu-iso", "eusc-")
# Regions that every account has. All that were opened after 20 March 2019 must be opted into, so this list is closed.
# https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
ENABLED_BY_DEFAULT = frozenset({
    "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
    "ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1", "us-east-1",
    "us-east-2", "us-west-1", "us-west-2",
})  # fmt: skip
EDGE_REGION = "us-east-1"
"""Where CloudFront looks for certificates and web ACLs, wherever the rest is."""

# Types of NAT instances that need no look into the SDK, which has all of them and takes a moment.
_USUAL = frozenset(
    f"{family}.{size}" for family in ("t3", "t3a", "t4g") for size in ("nano", "micro", "small", "medium", "large")
)


def nat_type_problems(env: Environment, known: Callable[[], Collection[str]]) -> Iterator[Problem]:
    """Whether EC2 has the NAT instance's type. `known` tells all types that the SDK knows, or none."""
    name = env.nat.instance_type
    if not env.nat.use_nat_instance or env.target == "local" or name in _USUAL:
        return
    types = known()
    doubt = offered.sold(name, types) if types else None
    if doubt is not None:
        yield offered.problem(("nat", "instance_type"), "EC2", name, doubt)


def region_problems(env: Environment, known: Collection[str]) -> Iterator[Problem]:
    """What keeps `env` from its region. `known` are the names of AWS's regions; empty when nobody can tell them."""
    if env.target == "local":
        return
    if env.region.startswith(OTHER_PARTITIONS):
        yield Problem(
            ("region",),
            f"{env.region} belongs to another partition of AWS, and opsctl deploys to the commercial one only: the "
            "certificates and WAF rules of CloudFront lie in us-east-1",
            "Write a region of the commercial partition, such as eu-west-1.",
        )
    elif known and env.region not in known:
        yield Problem(("region",), f"AWS has no region {env.region}", nearest(env.region, known))
    elif env.site.enabled and env.site.access_logs and env.region not in ENABLED_BY_DEFAULT:
        # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging-legacy-s3.html
        yield Problem(
            ("dashboard", "access_logs"),
            f"CloudFront writes no logs to buckets in {env.region}, which accounts must opt into",
            "Set it to false, or deploy to a region that every account has, such as eu-west-1.",
            (("region",), ("dashboard", "enabled")),
        )
