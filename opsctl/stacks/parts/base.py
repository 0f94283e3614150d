"""The frame every stack is built in: parameters, outputs, tags, what holds data, and reasons for skipped checks.

Nothing here knows one particular stack.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from troposphere import Output, Parameter, Ref, Sub, Template

from opsctl.config import naming
from opsctl.config.models import Environment
from opsctl.config.naming import StackName
from opsctl.stacks.model import ContextKey, FromContext, FromOutput, ParameterSource, StackTemplate
from opsctl.stacks.render import to_yaml

ParameterType = Literal[
    "String", "Number", "CommaDelimitedList", "AWS::EC2::VPC::Id", "AWS::EC2::SecurityGroup::Id", "AWS::EC2::Image::Id"
]
Resource = TypeVar("Resource")


class StackBuilder:
    """Collects one stack's template and where its parameters come from; `finish` renders it.

    Cross-stack values are parameters called like the output they come from: no exports, which deadlock.
    """

    def __init__(self, env: Environment, stack: StackName, *, region: str | None = None) -> None:
        self.env = env
        self.stack = stack
        self.region = region
        self.template = Template(Description=_description(env, stack))
        self.template.set_version()
        self._parameters: dict[str, ParameterSource] = {}
        self._stateful: list[str] = []

    def add(self, resource: Resource, *, stateful: bool = False) -> Resource:
        """Add a resource. `stateful`: it holds data, so replacing or deleting it needs `--allow-replace`."""
        self.template.add_resource(resource)
        if stateful:
            self._stateful.append(str(resource.title))  # type: ignore[attr-defined]  # troposphere has no types
        return resource

    def keep(self, resource: Any) -> Any:
        """Add a resource that outlives its stack.

        RetainExceptOnCreate = Retain, but a create that is rolled back leaves nothing behind. DeletionPolicy does not
        cover replacement, UpdateReplacePolicy does, so both are set. [UG CFN]
        """
        resource.DeletionPolicy = "RetainExceptOnCreate"
        resource.UpdateReplacePolicy = "Retain"
        return self.add(resource, stateful=True)

    def keep_taken_over(self, resource: Any) -> Any:
        """Add a resource that was there before its stack: nothing of it goes, not even when the create is rolled back.

        A change set imports what has such a policy, and a name in the template itself. [UG CFN,
        import-resources-automatically]
        """
        resource.DeletionPolicy = "Retain"
        resource.UpdateReplacePolicy = "Retain"
        return self.add(resource, stateful=True)

    def output_of(self, stack: StackName, output: str, kind: ParameterType = "String") -> Any:
        """A parameter that gets `output` of `stack` at deploy time; asking twice gives the same one."""
        return self._parameter(output, FromOutput(stack, output), kind, f"Output {output} of the {stack} stack")

    def context(self, name: str, key: ContextKey, description: str, **options: Any) -> Any:
        """A parameter whose value the deploy brings along. `options` go to troposphere's Parameter."""
        return self._parameter(name, FromContext(key), options.pop("Type", "String"), description, **options)

    def output(self, name: str, value: Any, description: str) -> None:
        """Publish a value to people and to the stacks after this one."""
        self.template.add_output(Output(name, Value=value, Description=description))

    def finish(
        self,
        *,
        after: tuple[StackName, ...] = (),
        extra_capabilities: tuple[str, ...] = (),
        termination_protection: bool | None = None,
    ) -> StackTemplate:
        """Render. Raises what troposphere raises for missing or unknown properties."""
        protected = self.env.security.termination_protection
        return StackTemplate(
            stack=self.stack,
            physical_name=naming.stack_name(self.env, self.stack),
            body=to_yaml(self.template),
            parameters=dict(self._parameters),
            tags=stack_tags(self.env, self.stack),
            stateful=tuple(self._stateful),
            region=self.region,
            capabilities=("CAPABILITY_NAMED_IAM", *extra_capabilities),
            termination_protection=protected if termination_protection is None else termination_protection,
            after=after,
        )

    def _parameter(
        self, name: str, source: ParameterSource, kind: ParameterType, description: str, **options: Any
    ) -> Any:
        if name not in self._parameters:
            self._parameters[name] = source
            self.template.add_parameter(Parameter(name, Type=kind, Description=description, **options))
        elif self._parameters[name] != source:
            raise AssertionError(f"parameter {name} has two sources")
        return Ref(name)


def stack_tags(env: Environment, stack: StackName) -> dict[str, str]:
    """Tags of the stack, which CloudFormation puts on its resources. At most 50, none starting with `aws:`. [API]

    The bootstrap stack belongs to an account and region: tags that differ between environments would make each
    deploy update it, so it has only those that `tag_overrides.bootstrap` asks for.
    """
    if stack == "bootstrap":
        return {"managed-by": "opsctl", **env.tag_overrides.get(stack, {})}
    return {**naming.own_tags(env), **env.tags, **env.tag_overrides.get(stack, {})}


def arn(service: str, resource: str) -> Any:
    """ARN in the stack's own partition, region and account, as `!Sub`."""
    return Sub(f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{resource}")


def named(parameter: Any) -> str:
    """`${Name}`: how the text of a Sub, or of an ARN, names a parameter."""
    return f"${{{parameter.data['Ref']}}}"


def managed_policy(path: str) -> Any:
    """ARN of an AWS managed policy, such as `service-role/AmazonRDSEnhancedMonitoringRole`."""
    return Sub(f"arn:${{AWS::Partition}}:iam::aws:policy/{path}")


def skip(resource: Resource, check: str, reason: str) -> Resource:
    """Tell checkov that `check` (such as `CKV_AWS_18`) fails on this resource on purpose, and why."""
    return _metadata(resource, "checkov", "skip", {"id": check, "comment": reason})


def ignore_lint(resource: Resource, check: str) -> Resource:
    """Tell cfn-lint to leave one rule out for this resource; say why in a comment at the call."""
    metadata = _metadata_of(resource).setdefault("cfn-lint", {}).setdefault("config", {})
    metadata.setdefault("ignore_checks", []).append(check)
    return resource


def _metadata(resource: Resource, tool: str, key: str, item: dict[str, str]) -> Resource:
    _metadata_of(resource).setdefault(tool, {}).setdefault(key, []).append(item)
    return resource


def _metadata_of(resource: Any) -> dict[str, Any]:
    if "Metadata" not in resource.resource:
        resource.Metadata = {}
    metadata: dict[str, Any] = resource.resource["Metadata"]
    return metadata


def _description(env: Environment, stack: StackName) -> str:
    if stack == "bootstrap":
        return "opsctl: what every environment of this account and region shares. Written by `opsctl synth`."
    return f"opsctl: {stack} stack of {env.service} in {env.name}. Written by `opsctl synth`; change environments.yaml."
