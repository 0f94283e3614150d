"""`opsctl dataset`: the salary data of an environment, by its dataset task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsctl.cli.options import ConfigOption, EnvOption, JsonOption, RegionOption, YesOption

if TYPE_CHECKING:
    from pathlib import Path

    from opsctl.operate.dataset import Step

app = typer.Typer(
    name="dataset",
    help="Refresh, inspect and roll back the salary dataset.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

AllowShrinkOption = Annotated[
    bool, typer.Option("--allow-shrink", help="Accept a dataset of less than half the rows, in all or of one source.")
]
AppendOption = Annotated[bool, typer.Option("--append", help="Keep the active rows and add those that are new.")]
StrictOption = Annotated[bool, typer.Option("--strict", help="Fail when any source fails, not only when all do.")]
AllowHttpOption = Annotated[bool, typer.Option("--allow-http", help="Accept sources with plain http.")]


@app.command("refresh")
def refresh(
    env: EnvOption = None,
    allow_shrink: AllowShrinkOption = False,
    strict: StrictOption = False,
    allow_http: AllowHttpOption = False,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sync data/raw/ to the environment, then fetch, build and load there: the task that the schedule runs as well."""
    flags = {"--allow-shrink": allow_shrink, "--strict": strict, "--allow-http": allow_http}
    _run("refresh", flags, env, region, config, as_json)


@app.command("fetch")
def fetch(
    env: EnvOption = None,
    strict: StrictOption = False,
    allow_http: AllowHttpOption = False,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sync data/raw/ to the environment, then fetch the sources there, and tell what happened to each.

    What was fetched stays in the dataset bucket under raw/, for the next build.
    """
    _run("fetch", {"--strict": strict, "--allow-http": allow_http}, env, region, config, as_json)


@app.command("build")
def build(
    env: EnvOption = None,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sync data/raw/ to the environment, then build there and show the account of every row; nothing is loaded.

    A rehearsal of `load`, which builds from the same raw files.
    """
    _run("build", {}, env, region, config, as_json)


@app.command("load")
def load(
    env: EnvOption = None,
    append: AppendOption = False,
    allow_shrink: AllowShrinkOption = False,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sync data/raw/ to the environment, then build and load there, without fetching: a refresh of what is there."""
    _run("load", {"--append": append, "--allow-shrink": allow_shrink}, env, region, config, as_json)


@app.command("releases")
def releases(
    env: EnvOption = None,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the kept dataset releases, newest first; the active one is marked."""
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.cli.progress import listening
    from opsctl.operate.dataset import list_releases

    target = open_workspace(config).target(env, region)
    with listening(as_json=as_json) as emit:
        result = list_releases(target, emit)
    output.result(result, _releases_text(result["releases"]), as_json=as_json)


@app.command("rollback")
def rollback(
    release: Annotated[
        int | None,
        typer.Argument(help="Number of the release; default: the one before the active.", min=1, show_default=False),
    ] = None,
    env: EnvOption = None,
    yes: YesOption = False,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an older dataset release active again; readers see it within a second."""
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.cli.progress import listening
    from opsctl.operate.dataset import roll_back

    target = open_workspace(config).target(env, region)
    which = "the release before the active one" if release is None else f"release {release}"
    output.confirm(f"Make {which} the active dataset of {target.env.name}?", yes=yes, as_json=as_json)
    with listening(as_json=as_json) as emit:
        result = roll_back(target, release, emit)
    output.result(result, "\n".join(result["log"]), as_json=as_json)


def _run(
    step: Step, flags: dict[str, bool], env: str | None, region: str | None, config: Path | None, as_json: bool
) -> None:
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.cli.progress import listening
    from opsctl.operate.dataset import run_step

    wanted = [flag for flag, given in flags.items() if given]
    target = open_workspace(config).target(env, region)
    with listening(as_json=as_json) as emit:
        result = run_step(target, step, wanted, emit)
    output.result(result, "\n".join(result["log"]), as_json=as_json)


def _releases_text(found: list[dict[str, Any]]) -> str:
    from opsctl.cli import output

    if not found:
        return "There is no dataset release yet; `opsctl dataset refresh` makes one."
    rows = [
        ["*" if item["active"] else "", str(item["release"]), item["created_at"], item["kind"], f"{item['rows']:,}",
         "" if item["rejected"] is None else f"{item['rejected']:,}", item["checksum"][:12]]
        for item in found
    ]  # fmt: skip
    return output.table(["", "release", "created", "kind", "rows", "rejected", "checksum"], rows)
