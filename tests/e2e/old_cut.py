"""The command line with the stacks cut as they first were: `python -m tests.e2e.old_cut deploy --env local`.

What is four stacks more today lay in `network` (egress), `data` (upkeep), `app` (front) and `jobs` (functions). The
resource that makes the roles has its name of today.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from opsctl.config.models import Environment
from opsctl.config.naming import StackName
from opsctl.deploy.planning import compare
from opsctl.stacks import catalog
from opsctl.stacks.model import FromOutput, ParameterSource, StackTemplate

# The stack of today -> the one that held it.
HELD_BY: dict[StackName, StackName] = {"egress": "network", "upkeep": "data", "front": "app", "functions": "jobs"}
_templates = catalog.templates


def templates(env: Environment) -> tuple[StackTemplate, ...]:
    """The stacks of the old cut, in their order."""
    cut: dict[StackName, StackTemplate] = {}
    for template in _templates(env):
        name = HELD_BY.get(template.stack, template.stack)
        cut[name] = _joined(cut[name], template, name) if name in cut else template
    cut["jobs"] = _without_address(cut["jobs"])
    order: list[StackName] = ["bootstrap", "platform", "network", "data", "jobs", "app"]
    return tuple(_moved(cut[name], name) for name in order)


def _joined(first: StackTemplate, second: StackTemplate, name: StackName) -> StackTemplate:
    """One stack of two, of which the second reads the first's outputs."""
    one, two = compare.parse(first.body), compare.parse(second.body)
    known = {key: output["Value"] for key, output in one.get("Outputs", {}).items()}
    inner = {
        parameter: known[source.output]
        for parameter, source in second.parameters.items()
        if isinstance(source, FromOutput) and source.stack == first.stack
    }
    # A list in one stack is text joined by commas in the other.
    lists = {key for key, value in one.get("Parameters", {}).items() if value["Type"] == "CommaDelimitedList"}
    told = inner | {key: {"Fn::Join": [",", {"Ref": key}]} for key in lists.intersection(two["Parameters"])}
    body = {part: {**one.get(part, {}), **_resolved(two.get(part, {}), told)} for part in ("Resources", "Outputs")}
    given = {**two["Parameters"], **one.get("Parameters", {})}
    gone = set(inner) - set(first.parameters)  # an output may be called like a parameter that it passes on
    body["Parameters"] = {key: value for key, value in given.items() if key not in gone}
    parameters = {**second.parameters, **first.parameters}
    return replace(
        second,
        stack=name,
        body=json.dumps({**two, **body}),
        parameters={key: source for key, source in parameters.items() if key not in gone},
        stateful=(*first.stateful, *second.stateful),
        capabilities=tuple({*first.capabilities, *second.capabilities}),
        after=(*first.after, *second.after),
    )


def _without_address(template: StackTemplate) -> StackTemplate:
    """What prepared a release did not know the service's address, which was made with the service."""
    parameter = "LoadBalancerDnsName"
    body = _resolved(compare.parse(template.body), {parameter: "localhost"})
    del body["Parameters"][parameter]
    parameters = {key: source for key, source in template.parameters.items() if key != parameter}
    return replace(template, body=json.dumps(body), parameters=parameters)


def _resolved(value: Any, inner: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_resolved(each, inner) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Ref"} and value["Ref"] in inner:
        return inner[value["Ref"]]
    return {key: _resolved(each, inner) for key, each in value.items()}


def _moved(template: StackTemplate, name: StackName) -> StackTemplate:
    """With its sources, and its own name, as the old cut had them."""
    parameters: dict[str, ParameterSource] = {
        key: FromOutput(HELD_BY.get(source.stack, source.stack), source.output)
        if isinstance(source, FromOutput)
        else source
        for key, source in template.parameters.items()
    }
    after = {HELD_BY.get(other, other) for other in template.after} - {name}
    physical_name = "opsctl-bootstrap" if name == "bootstrap" else f"local-salaries-{name}-acme"
    return replace(
        template, physical_name=physical_name, parameters=parameters, after=cast("tuple[StackName, ...]", tuple(after))
    )


if __name__ == "__main__":
    catalog.templates = templates
    from opsctl.cli.app import main

    main()
