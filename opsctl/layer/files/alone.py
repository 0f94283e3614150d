"""Whether another task of the same job runs already: asked of ECS with the task's own role, before the job begins.

Standard library only, Python 3.8 and later, as the start program, which imports this.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from collections.abc import Mapping

# Where ECS tells a task who it is, and hands out the credentials of its role.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate.html
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
METADATA, CREDENTIALS = "ECS_CONTAINER_METADATA_URI_V4", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
CREDENTIALS_HOST = "http://169.254.170.2"
SERVICE = "ecs"
# Nothing of the job runs any more in a task that is in one of these.
ENDED = {"DEPROVISIONING", "STOPPED", "DELETED"}
TRIES = 5


class Keys(NamedTuple):
    """Credentials of the task's role."""

    access: str
    secret: str
    token: str


class UnansweredError(Exception):
    """ECS did not say whether another task runs."""


def other_task(environ: Mapping[str, str], sleep: Callable[[float], None] = time.sleep) -> str | None:
    """The ARN of an older task of this one's family that still runs; None when there is none, or outside ECS.

    Of two that start at once the one that ECS made first goes on. Raises UnansweredError.
    """
    if METADATA not in environ:
        return None
    own = _patiently(lambda: _get(environ[METADATA] + "/task", {}), sleep)
    cluster, arn, family = own["Cluster"], own["TaskARN"], own["Family"]

    def ask(action: str, body: dict[str, Any]) -> Any:
        return _patiently(lambda: _call(environ, arn.split(":")[3], action, body), sleep)

    found = ask("ListTasks", {"cluster": cluster, "family": family, "desiredStatus": "RUNNING"})["taskArns"]
    others = [each for each in found if each != arn]
    if not others:
        return None
    tasks = ask("DescribeTasks", {"cluster": cluster, "tasks": [arn, *others[:99]]})["tasks"]
    made = {each["taskArn"]: (each.get("createdAt", 0), each["taskArn"]) for each in tasks if _runs(each)}
    older = [each for each in made if each != arn and made[each] < made.get(arn, (float("inf"), arn))]
    return min(older, key=lambda each: made[each]) if older else None


def _runs(task: Mapping[str, Any]) -> bool:
    return task.get("lastStatus") not in ENDED


def _patiently(ask: Callable[[], Any], sleep: Callable[[float], None]) -> Any:
    """Ask a few times: a network interface that is seconds old, or a throttled call, is not the end of a job."""
    for attempt in range(1, TRIES + 1):
        try:
            return ask()
        except HTTPError as error:
            reason = f"{error.code} {error.read(300).decode('utf-8', 'replace')}"
            refused = 400 <= error.code < 500 and "Throttl" not in reason
        except (URLError, OSError, ValueError, KeyError) as error:
            reason, refused = f"{type(error).__name__}: {error}", False
        if refused or attempt == TRIES:
            raise UnansweredError(reason)
        sleep(2.0**attempt)
    return None


def _get(url: str, headers: Mapping[str, str]) -> Any:
    with urlopen(Request(url, headers=dict(headers)), timeout=5) as answer:  # noqa: S310  ECS gave the address
        return json.load(answer)


def _call(environ: Mapping[str, str], region: str, action: str, body: dict[str, Any]) -> Any:
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    endpoint = environ.get("AWS_ENDPOINT_URL_ECS") or environ.get("AWS_ENDPOINT_URL")
    url = endpoint or f"https://{SERVICE}.{region}.{domain}"
    data = json.dumps(body).encode()
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"AmazonEC2ContainerServiceV20141113.{action}",
    }
    headers = signed(headers, data, urlsplit(url).netloc, region, _keys(environ), datetime.now(timezone.utc))  # noqa: UP017
    request = Request(url.rstrip("/") + "/", data=data, headers=headers)  # noqa: S310
    with urlopen(request, timeout=10) as answer:  # noqa: S310
        return json.load(answer)


def _keys(environ: Mapping[str, str]) -> Keys:
    """Where a container finds them, in the SDKs' order."""
    path, token = environ.get(CREDENTIALS), environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
    url = CREDENTIALS_HOST + path if path else environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
    found = _get(url, {"Authorization": token} if token else {})
    return Keys(found["AccessKeyId"], found["SecretAccessKey"], found["Token"])


def signed(
    headers: Mapping[str, str], body: bytes, host: str, region: str, keys: Keys, now: datetime
) -> dict[str, str]:
    """Headers with Host, X-Amz-Date and Authorization of a POST to `/`, by Signature Version 4.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
    """
    at = now.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{at[:8]}/{region}/{SERVICE}/aws4_request"
    whole = {**headers, "Host": host, "X-Amz-Date": at}
    if keys.token:
        whole["X-Amz-Security-Token"] = keys.token
    named = sorted((name.lower(), value) for name, value in whole.items())
    names = ";".join(name for name, _ in named)
    lines = [
        "POST",
        "/",
        "",
        *(f"{name}:{value}" for name, value in named),
        "",
        names,
        hashlib.sha256(body).hexdigest(),
    ]
    request = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    key = f"AWS4{keys.secret}".encode()
    for part in (at[:8], region, SERVICE, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    text = "\n".join(["AWS4-HMAC-SHA256", at, scope, request])
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    whole["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys.access}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return whole
