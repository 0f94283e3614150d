"""What botocore raises, as an `AwsError`: `translated` is put around every use of it.

Credentials are found and renewed in the middle of a call, by helpers, files and endpoints that fail in their own ways,
so what is raised inside is not always an error of botocore's. `answers` knows what AWS said, `credentials` why nobody
could sign in, this module the rest.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from opsctl.aws.errors import ENDPOINT_VARIABLE, UNREACHABLE, AwsError, AwsRefusedError, frames, module, redirections
from opsctl.errors import OpsctlError

_AWS_HOSTS = (".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".api.aws", ".aws.dev")


@contextmanager
def translated() -> Iterator[None]:
    """Raise `AwsError` for whatever boto3 and botocore raise inside; what is not theirs passes through."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except OpsctlError:
        raise
    except ClientError as error:
        from opsctl.aws.answers import explained

        raise explained(error, signing_in=_went_through(error, "botocore.credentials", "botocore.tokens")) from error
    except Exception as error:
        from opsctl.aws import credentials

        found: AwsError | None = credentials.explained(error, tuple(frames(error)))
        if found is None and (isinstance(error, BotoCoreError) or _is_sdk(error)):
            found = _from_sdk(error)
        if found is None:
            raise
        raise found from error


def _went_through(error: Exception, *modules: str) -> bool:
    return any(f"{module(frame)}.".startswith(tuple(f"{each}." for each in modules)) for frame in frames(error))


def _is_sdk(error: Exception) -> bool:
    """Whether the SDK failed. A TypeError or AttributeError of a client is the caller's: such a call never works."""
    if _went_through(error, "botocore.parsers"):
        return True
    return _went_through(error, "botocore") and not isinstance(error, (TypeError, AttributeError))


def _from_sdk(error: Exception) -> AwsError:
    kind, text = type(error).__name__, _first_line(error)
    if "Invalid header value" in text:  # the text goes on with the signed header
        return AwsRefusedError(
            "The AWS access key, secret or token holds a line break, so nothing can be signed with it.",
            aws_code=kind,
            hint="Set it again without the line break; a copied secret often brings one.",
        )
    if kind in UNREACHABLE:
        return _unreachable(error, kind, text)
    if kind == "InvalidRegionError":
        return AwsRefusedError(f"{text}.", aws_code=kind, hint="Write a region such as us-east-1.")
    if kind.startswith("Invalid") or _went_through(error, "botocore.configprovider"):
        return AwsRefusedError(
            f"The AWS SDK can't take its settings: {text}.",
            aws_code=kind,
            hint="Correct the AWS_* variable (`env | grep AWS_`) or the line in ~/.aws/config that says so.",
        )
    hint = ""
    if isinstance(error, ValueError) and text.startswith("Invalid endpoint: "):
        text = f"it takes `{text.removeprefix('Invalid endpoint: ')}` for the address of AWS, which is no URL"
        hint = f"Unset {ENDPOINT_VARIABLE}, or `endpoint_url` of the AWS profile."
    elif _went_through(error, "botocore.parsers"):
        text = "it can't read the answer, which is hardly from AWS"
        hint = "A proxy or a log-in page of the network may have answered in AWS's place."
    if redirected := redirections():
        return AwsRefusedError(
            f"The AWS SDK failed: {text}.", aws_code=kind, hint=f"{redirected[0]} leads away from AWS: unset it."
        )
    return AwsError(f"The AWS SDK failed: {text}.", aws_code=kind, hint=hint)


def _unreachable(error: Exception, kind: str, text: str) -> AwsError:
    """Nobody answered. `error.kwargs` is botocore's: what its message is made of."""
    if kind == "SSLError":
        return _not_trusted(text, kind)
    url = str(getattr(error, "kwargs", {}).get("endpoint_url", ""))
    host = urlsplit(url).hostname or ""
    redirected = [each for each in redirections() if each.partition("=")[2].rstrip("/") == url.rstrip("/")]
    if redirected:
        return AwsRefusedError(
            f"Nobody answers at {url}, where {redirected[0].partition('=')[0]} leads instead of to AWS.",
            aws_code=kind,
            hint="Unset it; `--env local` starts an emulator of its own and needs no such variable.",
        )
    hint = "Check the network and the region, then run it again."
    if host and not host.endswith(_AWS_HOSTS):
        hint = "That is not AWS: an emulator that ended (`opsctl local status`), or `endpoint_url` of the AWS profile."
    return AwsError(f"AWS can't be reached: {text}.", aws_code=kind, hint=hint)


def _not_trusted(text: str, kind: str) -> AwsError:
    """The server could not prove that it is AWS."""
    bundle = os.environ.get("AWS_CA_BUNDLE")
    if bundle and re.search("No such file|Permission denied|NO_CERTIFICATE", text):
        return AwsRefusedError(
            f"AWS_CA_BUNDLE names {bundle}, which holds no certificates that can be read.",
            aws_code=kind,
            hint="Correct or unset it.",
        )
    hint = "A proxy that opens TLS on the way needs its certificate in the file that AWS_CA_BUNDLE names."
    if re.search("certificate (is not yet valid|has expired)", text):
        hint = "Check this machine's clock first, then what stands between it and AWS."
    return AwsError(f"AWS can't be reached: {text}.", aws_code=kind, hint=hint)


def _first_line(error: Exception) -> str:
    """The first line of what it says; the rest of some is a whole answer."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".:")[:300]
