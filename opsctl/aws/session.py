"""Where AWS is and who asks: credentials, region and endpoint of one environment, and its clients."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Unpack

from opsctl.aws import orders
from opsctl.aws.answers import REGION_KEY
from opsctl.aws.dates import answered_at
from opsctl.aws.foreign import Witness
from opsctl.aws.translation import translated

if TYPE_CHECKING:
    import boto3
    from botocore.config import Config

    from opsctl.aws.account import Account
    from opsctl.aws.alarms import Alarms
    from opsctl.aws.certificates import Certificates
    from opsctl.aws.cloudformation import CloudFormation
    from opsctl.aws.cloudfront import CloudFront
    from opsctl.aws.drift import Drifts
    from opsctl.aws.ecr import Ecr
    from opsctl.aws.ecs import Ecs
    from opsctl.aws.functions import Functions
    from opsctl.aws.guardduty import GuardDuty
    from opsctl.aws.iam import Iam
    from opsctl.aws.kms import Kms
    from opsctl.aws.load_balancers import LoadBalancers
    from opsctl.aws.logs import Logs
    from opsctl.aws.parameters import Parameters
    from opsctl.aws.price_list import PriceList
    from opsctl.aws.rds import Rds
    from opsctl.aws.renewal import Renewal, Waiting
    from opsctl.aws.s3 import S3
    from opsctl.aws.secrets import Secrets
    from opsctl.aws.session_manager import Sessions
    from opsctl.aws.signin import Ask
    from opsctl.aws.topics import Topics


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An emulator: its URL, and the access key that it asks for.

    `prove`, where it can be told, raises ConnectionError when somebody else answers there.
    """

    url: str
    access_key: str
    secret_key: str = field(repr=False)
    prove: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose credentials these are. `answered` is AWS's time then, in seconds since the epoch; None: it did not say."""

    account_id: str
    arn: str
    answered: float | None = None


class Aws:
    """All clients of one region, made on first use. `endpoint` is None on AWS itself; `ask` gets a role's MFA code."""

    def __init__(
        self, region: str, endpoint: Endpoint | None = None, *, ask: Ask | None = None, home: Aws | None = None
    ) -> None:
        self.region = region
        self.endpoint = endpoint
        self._ask = ask
        self._home = home
        self._clients: dict[str, Any] = {}
        self._regions: dict[str, Aws] = {}
        self._renewal: Renewal | None = None
        # One for all regions: making a client of a session is not thread-safe.
        self._lock: threading.RLock = threading.RLock() if home is None else home._lock

    def in_region(self, region: str | None) -> Aws:
        """The same session in another region; None stands for this one. Asking again gives the same clients."""
        if region is None or region == self.region:
            return self
        with self._lock:
            return self._regions.setdefault(region, Aws(region, self.endpoint, home=self))

    @cached_property
    def _session(self) -> boto3.session.Session:
        if self._home is not None:
            return self._home._session
        from opsctl.aws import signin

        with translated():
            if self.endpoint is None:
                return signin.aws_session(self.region, self._ask or signin.nobody)
            return signin.emulator_session(self.region, self.endpoint.access_key, self.endpoint.secret_key)

    def client(self, service: str) -> Any:
        """The boto3 client of `service`."""
        with self._lock:
            if service not in self._clients:
                with translated():
                    made = self._session.client(
                        service,  # type: ignore[call-overload]
                        region_name=self.region,
                        endpoint_url=self.endpoint.url if self.endpoint else None,
                        config=self._config(service),
                    )
                made.meta.events.register("after-call", self._note_region)
                Witness().register(made)
                if self.endpoint is not None:
                    made.meta.events.register("before-send", self._refuse_impostor)
                self._outlive_credentials(made)
                self._clients[service] = made
            return self._clients[service]

    def _refuse_impostor(self, **_: Any) -> None:
        """Before each request: when an emulator ends, another program may take its port and would hear the call.

        botocore takes it as it takes a port where nobody listens.
        """
        from botocore.exceptions import EndpointConnectionError

        if self.endpoint is not None and self.endpoint.prove is not None:
            try:
                self.endpoint.prove()
            except ConnectionError as error:
                raise EndpointConnectionError(endpoint_url=self.endpoint.url, error=error) from error

    def _outlive_credentials(self, client: Any) -> None:
        """Note what is ordered, and make a call again whose credentials had ended, once there are others."""
        make_call = client._make_api_call

        def call(operation: str, parameters: Any) -> Any:
            order, starts = orders.is_order(operation, parameters), _starts(parameters)
            while True:
                renewal = (self._home or self)._renewal
                generation = renewal.generation if renewal is not None else 0
                if order:
                    orders.note(operation)
                try:
                    return make_call(operation, parameters)
                except Exception as error:
                    if renewal is None or starts is None or not renewal.ended(error):
                        raise
                    renewal.wait(error, generation)
                    for body, start in starts:  # a part of it was sent
                        body.seek(start)
                if order:
                    renewal.before_repeat()

        client._make_api_call = call

    @contextmanager
    def outlasting(
        self,
        *,
        tell: Callable[[str], None],
        leaving: Callable[[], bool],
        account: Callable[[], str],
        **how: Unpack[Waiting],
    ) -> Iterator[Renewal | None]:
        """While the block lasts, the end of credentials that were good is waited out; see `Renewal`.

        None in front of an emulator, whose keys do not end. Inside another such block, that one's.
        """
        if self.endpoint is not None or self._renewal is not None:
            yield self._renewal
            return
        from opsctl.aws.renewal import Renewal

        credentials: Any = self._session.get_credentials()
        self._renewal = Renewal(self.region, credentials, tell=tell, leaving=leaving, account=account(), **how)
        try:
            yield self._renewal
        finally:
            self._renewal = None

    def credentials_end(self) -> float | None:
        """When the credentials end for good, in seconds since the epoch; None: never, or nobody knows."""
        from opsctl.aws.lifetime import ends_at

        with translated():
            return ends_at(self._session) if self.endpoint is None else None

    def _config(self, service: str) -> Config:
        from botocore.config import Config

        return Config(
            # `standard` backs off and retries throttling, which DescribeStacks meets first.
            retries={"mode": "standard", "max_attempts": 8 if self.endpoint is None else 2},
            connect_timeout=5,
            # A synchronous invocation answers at its end; a time-out here would retry, and call twice.
            read_timeout=900 if service == "lambda" else 60,
            max_pool_connections=16,
            # A bucket in the host name of a loopback endpoint would need DNS.
            s3={"addressing_style": "path"} if self.endpoint else None,
            # HTTP_PROXY counts for loopback as well; a proxy elsewhere can't reach it.
            proxies={} if self.endpoint else None,
            user_agent_extra="opsctl",
        )

    def _note_region(self, parsed: dict[str, Any], **_: Any) -> None:
        """An answer does not say where it is from, and what an error means depends on it."""
        parsed.setdefault("ResponseMetadata", {})[REGION_KEY] = self.region

    def identity(self) -> Identity:
        """Account and caller of the credentials. Raises AwsRefusedError when there are none."""
        with translated():
            answer = self.client("sts").get_caller_identity()
        at = answered_at(answer)
        return Identity(answer["Account"], answer["Arn"], at.timestamp() if at is not None else None)

    @cached_property
    def cloudformation(self) -> CloudFormation:
        from opsctl.aws.cloudformation import CloudFormation

        return CloudFormation(self.client("cloudformation"))

    @cached_property
    def alarms(self) -> Alarms:
        from opsctl.aws.alarms import Alarms

        return Alarms(self.client("cloudwatch"))

    @cached_property
    def certificates(self) -> Certificates:
        from opsctl.aws.certificates import Certificates

        return Certificates(self.client("acm"))

    @cached_property
    def drifts(self) -> Drifts:
        from opsctl.aws.drift import Drifts

        return Drifts(self.client("cloudformation"))

    @cached_property
    def cloudfront(self) -> CloudFront:
        from opsctl.aws.cloudfront import CloudFront

        return CloudFront(self.client("cloudfront"))

    @cached_property
    def s3(self) -> S3:
        from opsctl.aws.s3 import S3

        return S3(self.client("s3"), self.region)

    @cached_property
    def ecs(self) -> Ecs:
        from opsctl.aws.ecs import Ecs

        return Ecs(self.client("ecs"))

    @cached_property
    def ecr(self) -> Ecr:
        from opsctl.aws.ecr import Ecr

        return Ecr(self.client("ecr"))

    @cached_property
    def load_balancers(self) -> LoadBalancers:
        from opsctl.aws.load_balancers import LoadBalancers

        return LoadBalancers(self.client("elbv2"))

    @cached_property
    def logs(self) -> Logs:
        from opsctl.aws.logs import Logs

        return Logs(self.client("logs"))

    @cached_property
    def rds(self) -> Rds:
        from opsctl.aws.rds import Rds

        return Rds(self.client("rds"))

    @cached_property
    def parameters(self) -> Parameters:
        from opsctl.aws.parameters import Parameters

        return Parameters(self.client("ssm"))

    @cached_property
    def topics(self) -> Topics:
        from opsctl.aws.topics import Topics

        return Topics(self.client("sns"))

    @cached_property
    def price_list(self) -> PriceList:
        from opsctl.aws.price_list import PriceList

        return PriceList(self.client("pricing"))

    @cached_property
    def functions(self) -> Functions:
        from opsctl.aws.functions import Functions

        return Functions(self.client("lambda"))

    @cached_property
    def kms(self) -> Kms:
        from opsctl.aws.kms import Kms

        return Kms(self.client("kms"))

    @cached_property
    def guardduty(self) -> GuardDuty:
        from opsctl.aws.guardduty import GuardDuty

        return GuardDuty(self.client("guardduty"))

    @cached_property
    def iam(self) -> Iam:
        from opsctl.aws.iam import Iam

        return Iam(self.client("iam"))

    @cached_property
    def secrets(self) -> Secrets:
        from opsctl.aws.secrets import Secrets

        return Secrets(self.client("secretsmanager"))

    @cached_property
    def sessions(self) -> Sessions:
        from opsctl.aws.session_manager import Sessions

        return Sessions(self.client("ssm"))

    @cached_property
    def account(self) -> Account:
        from opsctl.aws.account import Account

        return Account(self.client)


def _starts(parameters: Mapping[str, Any]) -> list[tuple[Any, int]] | None:
    """The streams of a call and where each begins, to send it again; None where one can't go back."""
    bodies = [value for value in parameters.values() if hasattr(value, "read")]
    if not all(hasattr(body, "seek") and hasattr(body, "tell") for body in bodies):
        return None
    return [(body, body.tell()) for body in bodies]
