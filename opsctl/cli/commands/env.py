"""`opsctl env`: what environments.yaml says."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from opsctl.cli.options import ConfigOption, EnvOption, JsonOption, RegionOption
from opsctl.errors import ExitCode

app = typer.Typer(name="env", help="Show and check environments.yaml.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_environments(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the environments."""
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace

    configuration = open_workspace(config).configuration
    model = [
        {"name": env.name, "target": env.target, "region": env.region, "account_id": env.account_id,
         "default": env.name == configuration.default}
        for env in configuration.environments.values()
    ]  # fmt: skip
    rows = [(str(item["name"]) + (" (default)" if item["default"] else ""), str(item["target"]), str(item["region"]),
             str(item["account_id"] or "any")) for item in model]  # fmt: skip
    output.result(model, output.table(("NAME", "TARGET", "REGION", "ACCOUNT"), rows), as_json=as_json)


@app.command("show")
def show(env: EnvOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Print one environment with every default filled in."""
    import yaml

    from opsctl.cli import output
    from opsctl.cli.context import open_workspace

    model = open_workspace(config).target(env).env.model_dump(mode="json", by_alias=True)
    output.result(model, yaml.safe_dump(model, sort_keys=False, allow_unicode=True), as_json=as_json)


@app.command("validate")
def validate(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check the file; every problem is shown at once, with its line and what to write."""
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace

    configuration = open_workspace(config, checkout=True).configuration
    names = list(configuration.environments)
    text = f"{configuration.path} is valid: {', '.join(names)}."
    for note in configuration.notes:
        output.note(note)
    model = {"valid": True, "environments": names, "notes": list(configuration.notes)}
    output.result(model, output.wrapped(text, sys.stdout), as_json=as_json)


@app.command("policy")
def policy(
    purpose: Annotated[
        str, typer.Argument(metavar="plan|deploy|publish", help="Who reads, who changes, who pushes images.")
    ],
    env: EnvOption = None,
    account: Annotated[
        str | None, typer.Option("--account", help="The account; default: the environment's.", show_default=False)
    ] = None,
    part: Annotated[
        int | None,
        typer.Option("--part", min=1, help="Print this document alone, where there are several.", show_default=False),
    ] = None,
    region: RegionOption = None,
    config: ConfigOption = None,
) -> None:
    """Print the IAM policy that somebody needs who works on an environment, as JSON.

    A managed policy takes 6,144 characters: what is longer is a list of documents, each a policy of its own.
    """
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.operate.policies import look_alikes, policy_of

    target = open_workspace(config).target(env, region)
    found = policy_of(target, purpose, account, part)
    output.notes(look_alikes(target))
    if len(found) > 1:
        output.note(f"{len(found)} documents, as one policy takes 6,144 characters; --part N prints one alone.")
    output.result(found if len(found) > 1 else found[0], "", as_json=True)


@app.command("schema")
def schema(
    check: Annotated[bool, typer.Option("--check", help="Exit 3 when the file is out of date.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Write the file that environments.yaml names.")] = False,
    config: ConfigOption = None,
) -> None:
    """Print the JSON Schema of environments.yaml, with which editors complete and check it."""
    from opsctl.cli import output
    from opsctl.config.schema import schema_path, schema_text
    from opsctl.operate.target import find_config

    text = schema_text()
    if not check and not write:
        output.result(None, text, as_json=False)
        return
    path = schema_path(find_config(config))
    if write:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    elif not path.is_file() or path.read_text(encoding="utf-8") != text:
        output.note(f"{path} is out of date. Run `opsctl env schema --write`.")
        raise typer.Exit(int(ExitCode.DIFFERS))
