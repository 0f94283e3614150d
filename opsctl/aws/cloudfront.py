"""CloudFront: telling a distribution that what it keeps has changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opsctl.aws.translation import translated


class CloudFront:
    """Every method raises AwsError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def invalidate(self, distribution_id: str, paths: Sequence[str], *, reference: str) -> str:
        """Forget `paths` at every edge; returns the invalidation's id. The same `reference` again is the same one."""
        with translated():
            answer = self._client.create_invalidation(
                DistributionId=distribution_id,
                InvalidationBatch={
                    "Paths": {"Quantity": len(paths), "Items": list(paths)},
                    "CallerReference": reference,
                },
            )
        return str(answer["Invalidation"]["Id"])
