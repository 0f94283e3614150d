"""What a deploy starts from: what is configured, what is deployed, and what is to be deployed. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from opsctl.config.nearest import nearest
from opsctl.deploy import release
from opsctl.deploy.checks import by_hand
from opsctl.deploy.checks.beforehand import Beforehand
from opsctl.deploy.image import ImageSource, digest_of
from opsctl.deploy.planning import identity_provider, nat_image, planner
from opsctl.deploy.planning.durations import learned
from opsctl.deploy.planning.forecast import Forecast, as_ordered
from opsctl.deploy.planning.holdings import earlier_names
from opsctl.deploy.planning.monthly import cost_change
from opsctl.deploy.planning.plan import ImagePlan, Plan
from opsctl.deploy.planning.state import RemoteState, read_state
from opsctl.deploy.planning.statuses import Action
from opsctl.deploy.rollback import Rollback, since
from opsctl.deploy.secrets import ApplicationSecrets
from opsctl.errors import UsageError
from opsctl.stacks.ci import PROVIDER
from opsctl.stacks.model import BUNDLE_VERSION, FromContext, rollout_process
from opsctl.stacks.parts.tasks import rollout_parameter

if TYPE_CHECKING:
    from opsctl.aws.cloudformation import CloudFormation, Stack
    from opsctl.aws.session import Aws
    from opsctl.config.models import Environment
    from opsctl.cost.difference import CostChange
    from opsctl.cost.prices import PriceTable
    from opsctl.deploy.planning.plan import StackPlan
    from opsctl.deploy.review.effects import Interruption
    from opsctl.stacks.model import ContextKey, StackTemplate


class Bundle(Protocol):
    """The DbInit function's code."""

    @property
    def key(self) -> str:
        """Key in the artifact bucket, by content."""
        ...

    def content(self) -> bytes:
        """The zip."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """What a command line asks of a deploy. `stacks` is empty for all, `image_tag` None for the default; `watchdog`
    ends a rollout that can't succeed; `rollback` is the release to go back to.
    """

    stacks: tuple[str, ...] = ()
    image_tag: str | None = None
    refresh_nat_image: bool = False
    timeout_minutes: int = 60
    watchdog: bool = True
    rollback: Rollback | None = None


class Situation:
    """Configuration, templates and AWS of one environment, for one request."""

    def __init__(
        self,
        env: Environment,
        templates: Sequence[StackTemplate],
        aws: Aws,
        *,
        image: ImageSource,
        bundle: Bundle,
        request: Request,
        prices: Callable[[], PriceTable] | None = None,
        unwanted: Sequence[StackTemplate] = (),
    ) -> None:
        """`unwanted`: stacks that the configuration does not ask for; they may be there all the same."""
        self.env = env
        self.templates = {template.stack: template for template in templates}
        self.aws = aws
        self.image = image
        self.bundle = bundle
        self.request = request
        self._prices = prices or _packaged
        self.state = RemoteState()
        self.secrets = ApplicationSecrets(env, aws)
        self.context: dict[ContextKey, str | None] = {}
        self._unwanted = unwanted
        self._left: list[str] = []
        self._notes: list[str] = []
        self._interruptions: tuple[Interruption, ...] = ()
        for name in request.stacks:
            if name not in self.templates:
                raise UsageError(
                    f"{env.name} has no stack `{name}`.", code="unknown-stack", hint=nearest(name, self.templates)
                )

    def plan(self) -> Plan:
        """What executing would do, as things are now. Keeps what it read in `state` and `context`."""
        self.state = self.read()
        self._notes.clear()
        if not self.state.stacks.keys() - {"bootstrap"}:
            self._notes += earlier_names(self.env, self.state.others)
        account = self.account()
        image = self.image.plan(account) if self._wants_image() else None
        selected = self._selected(image)
        self.secrets.look(self.state)
        self.context = self._read_context(image, selected)
        due = self.release_starts(selected) and self.secrets.due(self.state, self.digest)
        plan = planner.plan(self.env.name, selected, self.state, self.context, image=image, secrets=due)
        if image is not None and not plan.is_empty and any(template.stack == "app" for template in selected):
            self._note_release(image, other=plan.migrate)
        cost = self._cost(plan)
        problems = self._problems(selected, image)
        return replace(
            plan,
            stacks=tuple(self._interrupting(each) for each in plan.stacks),
            expected=self._expected(selected, plan),
            cost=cost,
            record=plan.is_empty and self._lacks_record(selected, image),
            signature=plan.is_empty and self._lacks_signature(image),
            problems=problems,
            notes=(*self._notes, *self._unasked(), *self._by_hand(plan)),
        )

    def _by_hand(self, plan: Plan) -> list[str]:
        """What a change may undo; asked of what is changed only, and on AWS, where people have a console."""
        if self.env.target == "local":
            return []
        regions: dict[str, str | None] = {template.stack: template.region for template in self.templates.values()}
        resources = by_hand.modified(plan, self.state.bodies)
        return by_hand.notes(resources, lambda stack: self.aws.in_region(regions[stack]).drifts)

    def _expected(self, selected: Sequence[StackTemplate], plan: Plan) -> Forecast | None:
        """How long AWS takes to make the stacks that are new. On this machine nothing takes minutes."""
        made = {item.stack for item in plan.stacks if item.action in {Action.CREATE, Action.RECREATE}}
        new = [template for template in selected if template.stack in made]
        if self.env.target == "local" or not new:
            return None
        steps = planner.order(new, image=plan.image is not None and plan.image.build, migrate=plan.migrate)
        last = self._last_release()
        return as_ordered(new, steps, seconds=learned(last.seconds if last is not None else {}))

    def _cost(self, plan: Plan) -> CostChange | None:
        """What it changes of a month's bill, and a note where that then is over the budget."""
        if self.env.target == "local" or plan.is_empty:
            return None
        detector = self.context.get("guardduty")
        parameters = {} if detector is None else {"bootstrap": {"GuardDuty": detector}}
        change = cost_change(self.env, self.templates, plan, self.state, parameters, self._prices())
        budget = self.env.observability.monthly_budget
        if change is not None and budget is not None and change.total > budget:
            self._notes.append(
                f"By the estimate {self.env.name} then costs ${change.total:,.2f} a month, over "
                f"observability.monthly_budget (${budget:,.2f}): `opsctl cost --env {self.env.name}`."
            )
        return change

    def _note_release(self, image: ImagePlan, *, other: bool) -> None:
        """The way forward after a rollback, and what of `other` code than the one that runs allows no way back."""
        last = self._last_release()
        if last is None or self.request.rollback is not None:
            return
        if last.rolled_back_to is not None:
            self._notes.append(
                f"What runs is a rollback to release {last.rolled_back_to} (as release {last.number}); deploying goes "
                f"forward to {image.tag}."
            )
        if other and last.verdicts is not None:
            for each in since(self.image.verdicts or (), last):
                self._notes.append(f"{each.sentence()}: no rollback past it.")

    @staticmethod
    def release_starts(selected: Sequence[StackTemplate]) -> bool:
        """Whether tasks of the application are started by what is deployed."""
        return any(template.stack in {"jobs", "app"} for template in selected)

    @property
    def digest(self) -> str:
        """The release's image, in hex; "" before it is built."""
        return digest_of(self.context.get("image_uri"))

    def rollouts(self, keys: Iterable[ContextKey]) -> dict[ContextKey, str | None]:
        """Of these keys those of services: each changes with the secrets, and keeps count of the restarts."""
        processes = {key: process for key in keys if (process := rollout_process(key)) is not None}
        stamp = self.secrets.stamp(self.state, self.digest) if processes else None
        if stamp is None:
            return dict.fromkeys(processes)
        deployed = {key: self.deployed("app", rollout_parameter(each)) or "" for key, each in processes.items()}
        return {key: f"{stamp}.{value.partition('.')[2] or '0'}" for key, value in deployed.items()}

    def _last_release(self) -> release.Release | None:
        bucket = self.state.outputs("bootstrap").get("ArtifactBucketName")
        return release.current(self.aws.s3, bucket, self.env) if bucket is not None else None

    def _problems(self, selected: Sequence[StackTemplate], image: ImagePlan | None) -> tuple[str, ...]:
        """What AWS would refuse, minutes in, as far as it can be told now.

        On this machine nothing takes minutes; asked is only where a database comes from, as who takes that back would
        get an empty one.
        """
        missing = self.secrets.problems() if self.release_starts(selected) else ()
        asked = Beforehand(self.env, self.aws, self.state, selected, account=self.account)
        found = asked.of_origin() if self.env.target == "local" else asked.problems(image)
        self._notes += asked.notes
        self._interruptions = asked.interruptions
        return (*missing, *found)

    def _interrupting(self, plan: StackPlan) -> StackPlan:
        """A database that is taken over runs already, so that making its stack interrupts whoever uses it."""
        return (
            replace(plan, interruptions=self._interruptions) if plan.stack == "data" and self._interruptions else plan
        )

    def _lacks_record(self, selected: Sequence[StackTemplate], image: ImagePlan | None) -> bool:
        """Whether what the service runs was never recorded: the deploy that brought it ended in between."""
        there = self.state.outputs("bootstrap").get("ArtifactBucketName") is not None
        if not there or image is None or all(template.stack != "app" for template in selected):
            return False
        last = self._last_release()
        return last is None or last.image != image.uri

    def _lacks_signature(self, image: ImagePlan | None) -> bool:
        """Whether the image that runs was signed after the deploy that brought it, which keeps signatures."""
        if self.env.images.verify is None or image is None or image.digest is None:
            return False
        return bool(release.unkept_signature(self.aws.ecr, image, image.digest, self.env.name))

    def read(self) -> RemoteState:
        """What is deployed now."""
        regions = {template.region for template in self.templates.values()}
        # No call more than for those that are wanted.
        beside = [each for each in self._unwanted if each.region in {*regions, self.env.region}]
        readers: dict[str, CloudFormation] = {
            each.stack: self.aws.in_region(each.region).cloudformation for each in (*self.templates.values(), *beside)
        }
        found = read_state((*self.templates.values(), *beside), readers)
        self._left = [each.stack for each in beside if each.stack in found.stacks]
        wanted: dict[str, Stack] = {name: stack for name, stack in found.stacks.items() if name in self.templates}
        bodies = {name: body for name, body in found.bodies.items() if name in wanted}
        return RemoteState(wanted, bodies, found.others)

    def _unasked(self) -> list[str]:
        """What is there, costs, and no deploy looks at."""
        if not self._left or self.request.stacks:
            return []
        one = len(self._left) == 1
        return [
            f"The {'stack' if one else 'stacks'} {', '.join(self._left)} {'is' if one else 'are'} not configured any "
            f"more, and {'stays' if one else 'stay'}: `opsctl destroy --env {self.env.name} --only-unwanted` removes "
            f"{'it' if one else 'them'}."
        ]

    def read_again(self) -> None:
        """Under the lock: what is deployed now, and what of it this deploy goes on with."""
        self.state = self.read()
        if BUNDLE_VERSION in self.context:
            self.context[BUNDLE_VERSION] = self._kept_version(self.context)

    def _kept_version(self, context: Mapping[ContextKey, str | None]) -> str | None:
        """The version of its code that the function has, as long as it is this code; None: it has to be uploaded."""
        same = self.deployed("functions", "DbInitBundleKey") == context["db_init_bundle_key"]
        return self.deployed("functions", "DbInitBundleVersion") if same else None

    def account(self) -> str:
        """The account's number: from a stack's ARN where there is one, which saves a call."""
        if self.env.account_id is not None:
            return self.env.account_id
        for stack in self.state.stacks.values():
            return stack.id.split(":")[4]
        return self.aws.identity().account_id

    def _wants_image(self) -> bool:
        return not self.request.stacks or bool({"jobs", "app"} & set(self.request.stacks))

    def _selected(self, image: ImagePlan | None) -> list[StackTemplate]:
        """The stacks asked for; `app` brings `jobs` along while that still holds another image, `data` its replica."""
        if not self.request.stacks:
            return list(self.templates.values())
        names = set(self.request.stacks)
        if "app" in names and image is not None and self.deployed("jobs", "ImageUri") != image.uri:
            names.add("jobs")
        if "data" in names and self.state.outputs("upkeep").get("ReplicaIdentifier"):
            names.add("upkeep")  # a replica of a smaller class than its source's falls behind
        return [template for name, template in self.templates.items() if name in names]

    def _read_context(self, image: ImagePlan | None, selected: Sequence[StackTemplate]) -> dict[ContextKey, str | None]:
        """Values that these stacks take, and the bootstrap stack, which a first deploy of any stack makes as well."""
        wanted = {
            source.key
            for template in [*selected, *(item for item in self.templates.values() if item.stack == "bootstrap")]
            for source in template.parameters.values()
            if isinstance(source, FromContext)
        }
        context: dict[ContextKey, str | None] = {"image_uri": image.uri if image else self.deployed("app", "ImageUri")}
        if "db_init_bundle_key" in wanted:
            context["db_init_bundle_key"] = self.bundle.key
            context[BUNDLE_VERSION] = self._kept_version(context)
        if "nat_image_id" in wanted:
            context["nat_image_id"], notes = nat_image.choose(
                self.env, self.aws, self.state, self.templates["egress"], refresh=self.request.refresh_nat_image
            )
            self._notes += notes
        if "s3_prefix_list_id" in wanted:
            kept = self.deployed("network", "S3PrefixListId")
            context["s3_prefix_list_id"] = kept or self.aws.account.s3_addresses(self.env.region)
        self.context = context
        context |= self.rollouts(wanted)
        if "guardduty" in wanted:
            context["guardduty"] = "true" if self._wants_detector() else "false"
        if "oidc_provider" in wanted:
            made = identity_provider.is_made(self.deployed("ci", PROVIDER), self.aws.iam)
            context["oidc_provider"] = "true" if made else "false"
        return context

    def deployed(self, stack: str, parameter: str) -> str | None:
        """A parameter's value in the stack as it is deployed."""
        return self.state.parameter(stack, parameter)

    def _wants_detector(self) -> bool:
        """Once made by us it stays; otherwise it is made when wanted and when the account has none."""
        if self.deployed("bootstrap", "GuardDuty") == "true":
            return True
        return self.env.security.guardduty and not self.aws.guardduty.has_detector()


def _packaged() -> PriceTable:
    from opsctl.cost.prices import packaged  # read by plans that change something only

    return packaged()
