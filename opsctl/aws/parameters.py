"""SSM parameters: the AMI that AWS publishes for Amazon Linux."""

from __future__ import annotations

from typing import Any

from opsctl.aws.translation import translated

# https://docs.aws.amazon.com/linux/al2023/ug/ec2.html: public parameters by architecture.
AL2023 = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{architecture}"


class Parameters:
    """Calls of one region. Every method raises AwsError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def amazon_linux_image(self, architecture: str) -> str:
        """The newest Amazon Linux 2023 AMI id for `x86_64` or `arm64`."""
        with translated():
            answer = self._client.get_parameter(Name=AL2023.format(architecture=architecture))
        return str(answer["Parameter"]["Value"])
