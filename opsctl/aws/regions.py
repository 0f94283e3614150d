"""Regions by name: one that is mistyped is told at once, not after a minute of retries at a host that isn't there."""

from __future__ import annotations

import difflib
import os
import socket

from opsctl.aws.errors import AwsRefusedError, redirections, translated

_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


def known_regions() -> frozenset[str]:
    """Every region that this version of the AWS SDK knows, of all partitions."""
    from botocore.loaders import Loader

    with translated():
        partitions = Loader().load_data("partitions")["partitions"]
    return frozenset(name for partition in partitions for name in partition["regions"] if not name.endswith("-global"))


def require_region(region: str) -> None:
    """Raise AwsRefusedError for a region that neither the SDK nor DNS knows; a new one may be older than the SDK."""
    known = known_regions()
    # Behind a proxy this machine need not resolve AWS's names, and an endpoint of one's own may have any region.
    if region in known or redirections() or any(os.environ.get(each) for each in _PROXIES):
        return
    host = f"sts.{region}.amazonaws.com"
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        close = difflib.get_close_matches(region, sorted(known), n=3)
        raise AwsRefusedError(
            f"There is no region {region}: AWS has no host {host}.",
            aws_code="UnknownRegion",
            hint="Correct `region` in environments.yaml, or --region" + (f": {', '.join(close)}?" if close else "."),
        ) from None
