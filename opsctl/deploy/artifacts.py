"""What a deploy puts into the artifact bucket for others to run: code and large templates, each by its version.

What lies under a key already may be anybody's, so the content is uploaded in any case, and the version that came of it
is what others are told to run. A bucket that was just made may keep no versions yet: S3 needs up to 15 minutes until
all of it knows. Then it is asked again for a while. [UG S3, enabling versioning on buckets]
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opsctl.aws.errors import AwsError
from opsctl.aws.s3 import NO_VERSIONS
from opsctl.config import naming

if TYPE_CHECKING:
    from opsctl.aws.s3 import S3
    from opsctl.stacks.model import StackTemplate

SWITCHING_SECONDS = 900.0
"""How long S3 may take; a bucket that is older had its versioning suspended."""
WAIT_SECONDS = 300.0
"""How long a deploy waits for it. Most of the time passes while network and database are made."""
_POLL_SECONDS = 10.0


@dataclass(frozen=True)
class Artifacts:
    """The folder of one environment. `made`: when the bucket was, in seconds since the epoch, 0 where nobody knows.

    `pause` waits, and raises where there is a reason not to go on; it is told why it waits.
    """

    s3: S3
    bucket: str
    folder: str
    made: float = 0.0
    pause: Callable[[float, str], None] = lambda seconds, _: time.sleep(seconds)
    clock: Callable[[], float] = time.time

    def template(self, template: StackTemplate) -> str:
        """Put a template there; answers the URL of its version."""
        key = naming.template_key(self.folder, template.stack, template.digest)
        return self.s3.url(self.bucket, key, self.put(key, template.body.encode()))

    def put(self, key: str, body: bytes) -> str:
        """Put it there; answers its version. Raises AwsError, also where the bucket keeps none for minutes."""
        began = self.clock()
        until = min(began + WAIT_SECONDS, self.made + SWITCHING_SECONDS)
        while True:
            try:
                return self.s3.put_version(self.bucket, key, body)
            except AwsError as error:
                now = self.clock()
                if error.aws_code != NO_VERSIONS or now >= until:
                    raise
            self.pause(
                min(_POLL_SECONDS, until - now),
                f"S3 switches versioning on in the new artifact bucket, which can take minutes ({now - began:.0f} s)",
            )
