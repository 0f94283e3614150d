"""In front of an emulator nothing counts that this machine has set for AWS, nor a proxy."""

from __future__ import annotations

import pytest

from opsctl.aws.errors import AwsError
from opsctl.aws.session import Aws, Endpoint
from opsctl.aws.translation import translated
from opsctl.images.names import ImageName
from opsctl.images.registry.transport import Transport
from opsctl.local.tasks.images import Source, Start, push_image, snapshot_image
from tests.functional.aws.conftest import Machine
from tests.functional.aws.endpoint import Answer
from tests.functional.aws.test_roles import WHO

NOWHERE = "http://127.0.0.1:9"
SETTINGS = {
    "AWS_PROFILE": "nobody", "AWS_DEFAULT_PROFILE": "nobody", "AWS_CONFIG_FILE": "{home}/broken",
    "AWS_SHARED_CREDENTIALS_FILE": "{home}/broken", "AWS_DEFAULT_REGION": "no region", "AWS_REGION": "no region",
    "AWS_ENDPOINT_URL": NOWHERE, "AWS_ENDPOINT_URL_STS": "nonsense", "AWS_CA_BUNDLE": "/nonexistent",
    "AWS_RETRY_MODE": "x", "AWS_MAX_ATTEMPTS": "x", "AWS_DEFAULTS_MODE": "x", "AWS_USE_FIPS_ENDPOINT": "true",
    "AWS_USE_DUALSTACK_ENDPOINT": "true", "AWS_REQUEST_CHECKSUM_CALCULATION": "x", "AWS_ACCESS_KEY_ID": "half",
    "AWS_STS_REGIONAL_ENDPOINTS": "x", "AWS_ACCOUNT_ID_ENDPOINT_MODE": "x", "AWS_DATA_PATH": "{home}",
    "AWS_METADATA_SERVICE_TIMEOUT": "x", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "x",
}  # fmt: skip
PROXIES = {"HTTP_PROXY": NOWHERE, "http_proxy": NOWHERE, "HTTPS_PROXY": NOWHERE, "ALL_PROXY": "socks5://127.0.0.1:9"}


def identity(machine: Machine) -> str:
    machine.aws.answers[""] = WHO
    aws = Aws("us-east-1", Endpoint(machine.aws.url, "000000000000", "secret"))
    return aws.in_region("sa-east-1").identity().account_id


@pytest.mark.parametrize("name", SETTINGS)
def test_no_setting_of_aws_counts(name: str, machine: Machine) -> None:
    machine.write("broken", "[default\nbroken")
    machine.write(".aws/config", "[default\nbroken")
    machine.set(**{name: SETTINGS[name]})
    assert identity(machine) == "123456789012"
    assert "Credential=000000000000/" in machine.aws.requests[0]["authorization"]
    assert "/sa-east-1/sts/" in machine.aws.requests[0]["authorization"]


def test_no_setting_of_aws_counts_together_with_the_others(machine: Machine) -> None:
    machine.write("broken", "[default\nbroken")
    machine.set(**SETTINGS, **PROXIES)
    assert identity(machine) == "123456789012"


@pytest.mark.parametrize("name", PROXIES)
def test_no_proxy_is_asked_for_what_is_on_this_machine(name: str, machine: Machine) -> None:
    machine.monkeypatch.delenv("NO_PROXY", raising=False)
    machine.monkeypatch.delenv("no_proxy", raising=False)
    machine.set(**{name: PROXIES[name]})
    assert identity(machine) == "123456789012"


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy"])
def test_no_proxy_is_asked_for_a_registry_on_this_machine(name: str, machine: Machine) -> None:
    machine.monkeypatch.delenv("NO_PROXY", raising=False)
    machine.monkeypatch.delenv("no_proxy", raising=False)
    machine.set(**{name: NOWHERE})
    machine.aws.answers[""] = Answer(200, "{}")
    root = ImageName.parse(f"{machine.aws.url.removeprefix('http://')}/salaries:1").url
    assert Transport(root).once("GET", "/v2/", scope="").status == 200


def test_what_the_emulators_registry_refuses_is_a_sentence(machine: Machine) -> None:
    source = Source([("manage.py", machine.write("manage.py", ""))], "", lambda _: None)
    digest = snapshot_image(source, Start(), machine.home)
    refused = '{"__type": "ImageTagAlreadyExistsException", "message": "The tag is taken"}'
    machine.aws.answers[""] = Answer(400, refused, {"Content-Type": "application/x-amz-json-1.1"})
    aws = Aws("us-east-1", Endpoint(machine.aws.url, "000000000000", "secret"))
    with pytest.raises(AwsError, match="PutImage failed: The tag is taken"), translated():
        push_image(aws.client("ecr"), root=machine.home, repository="salaries", tag="content-1", digest=digest)
