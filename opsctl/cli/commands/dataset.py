"""`opsctl dataset`: the salary data of an environment, by its dataset task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsctl.cli.commands import raw
from opsctl.cli.group import Group
from opsctl.cli.options import ConfigOption, EnvOption, JsonOption, RegionOption, YesOption

if TYPE_CHECKING:
    from opsctl.operate.dataset import Step

app = typer.Typer(
    name="dataset",
    help="Refresh, inspect and roll back the salary dataset.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

app.add_typer(raw.app, cls=Group)

_SHOWN_REJECTS = 1000
AllowShrinkOption = Annotated[
    bool, typer.Option("--allow-shrink", help="Accept a dataset of less than half the rows, in all or of one source.")
]
AllowRolledBackOption = Annotated[
    bool, typer.Option("--allow-rolled-back", help="Accept the rows of a release that was rolled back from.")
]
AppendOption = Annotated[bool, typer.Option("--append", help="Keep the active rows and add those that are new.")]
StrictOption = Annotated[
    bool,
    typer.Option("--strict", help="Fail when any source fails, or any raw file holds no rows or is doubtful."),
]
AllowHttpOption = Annotated[bool, typer.Option("--allow-http", help="Accept sources with plain http.")]
AllowPrivateOption = Annotated[
    bool, typer.Option("--allow-private", help="Accept sources at addresses that are not public.")
]


@app.command("refresh")
def refresh(
    env: EnvOption = None,
    allow_shrink: AllowShrinkOption = False,
    allow_rolled_back: AllowRolledBackOption = False,
    strict: StrictOption = False,
    allow_http: AllowHttpOption = False,
    allow_private: AllowPrivateOption = False,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sync data/raw/ to the environment, then fetch, build and load there: the task that the schedule runs as well."""
    refusals = {"--allow-shrink": allow_shrink, "--allow-rolled-back": allow_rolled_back}
    sources = {"--allow-http": allow_http, "--allow-private": allow_private}
    _run("refresh", {**refusals, "--strict": strict, **sources}, env, region, config, as_json)


@app.command("fetch")
def fetch(
    env: EnvOption = None,
    strict: StrictOption = False,
    allow_http: AllowHttpOption = False,
    allow_private: AllowPrivateOption = False,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sync data/raw/ to the environment, then fetch the sources there, and tell what happened to each.

    What was fetched stays in the dataset bucket under raw/, for the next build.
    """
    sources = {"--allow-http": allow_http, "--allow-private": allow_private}
    _run("fetch", {"--strict": strict, **sources}, env, region, config, as_json)


@app.command("build")
def build(
    env: EnvOption = None,
    strict: StrictOption = False,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sync data/raw/ to the environment, then build there and show the account of every row; nothing is loaded.

    A rehearsal of `load`, which builds from the same raw files.
    """
    _run("build", {"--strict": strict}, env, region, config, as_json)


@app.command("load")
def load(
    env: EnvOption = None,
    append: AppendOption = False,
    allow_shrink: AllowShrinkOption = False,
    allow_rolled_back: AllowRolledBackOption = False,
    strict: StrictOption = False,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sync data/raw/ to the environment, then build and load there, without fetching: a refresh of what is there."""
    refusals = {"--allow-shrink": allow_shrink, "--allow-rolled-back": allow_rolled_back}
    _run("load", {"--append": append, **refusals, "--strict": strict}, env, region, config, as_json)


@app.command("inspect")
def inspect(
    file: Annotated[Path, typer.Argument(help="A raw file of this machine.", exists=True, dir_okay=False)],
    preset: Annotated[
        str | None, typer.Option("--preset", help="Read it by this preset, such as levels.", show_default=False)
    ] = None,
    keys: Annotated[
        str | None,
        typer.Option("--keys", help="Read it by these keys of a source, as JSON.", show_default=False),
    ] = None,
    encoding: Annotated[str, typer.Option("--encoding", help="Its encoding, as a source declares it.")] = "utf-8",
    strict: Annotated[bool, typer.Option("--strict", help="Fail when something about it is doubtful.")] = False,
    env: EnvOption = None,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell how a raw file would be read, and propose what to say of its source; the dataset stays as it is.

    The dataset task of the environment reads it: columns, defaults, rejects, rows before and after, a mapping to paste.
    """
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.cli.progress import printing
    from opsctl.operate.inspection import inspect_file, read_keys

    wanted = read_keys(keys, preset)
    target = open_workspace(config).target(env, region)
    with printing(as_json=as_json) as emit:
        result = inspect_file(target, file, keys=wanted, encoding=encoding, strict=strict, emit=emit)
    output.result(result, "", as_json=as_json)


@app.command("releases")
def releases(
    env: EnvOption = None,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the kept dataset releases, newest first, the active one marked, and the history of activations."""
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.cli.progress import printing
    from opsctl.operate.dataset import list_releases

    target = open_workspace(config).target(env, region).reading()
    with printing(as_json=as_json) as emit:
        result = list_releases(target, emit)
    output.result(result, _releases_text(result), as_json=as_json)


@app.command("rollback")
def rollback(
    release: Annotated[
        int | None,
        typer.Argument(
            help="Number of the release; default: the one that was active before.", min=1, show_default=False
        ),
    ] = None,
    env: EnvOption = None,
    yes: YesOption = False,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an older dataset release active again: without a number, undo the last activation.

    Readers see it within a second. Rows that were rolled back from are refused when a load brings them again.
    """
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.cli.progress import printing
    from opsctl.operate.dataset import roll_back, rollback_asked, rollback_question

    target = open_workspace(config).target(env, region)
    question = rollback_question(target, release)
    if not yes and output.can_ask(as_json=as_json):
        with printing(as_json=as_json) as emit:
            release, question = rollback_asked(target, release, emit)
    output.confirm(question, yes=yes, as_json=as_json)
    with printing(as_json=as_json) as emit:
        result = roll_back(target, release, emit)
    output.result(result, "", as_json=as_json)


@app.command("rejects")
def rejects(
    release: Annotated[
        int | None, typer.Argument(help="Number of a release; default: the last build.", min=1, show_default=False)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write all of them to this CSV file.", dir_okay=False, show_default=False),
    ] = None,
    env: EnvOption = None,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the rows that the build of a release, or the last build, rejected: file, line, reason and value."""
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.operate.bucket_files import read_rejects

    result = read_rejects(open_workspace(config).target(env, region).reading(), release, out)
    output.result(result, _rejects_text(result), as_json=as_json)


def _run(
    step: Step, flags: dict[str, bool], env: str | None, region: str | None, config: Path | None, as_json: bool
) -> None:
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.cli.progress import printing
    from opsctl.operate.dataset import run_step

    wanted = [flag for flag, given in flags.items() if given]
    target = open_workspace(config).target(env, region)
    with printing(as_json=as_json) as emit:
        result = run_step(target, step, wanted, emit)
    output.result(result, "", as_json=as_json)


def _releases_text(result: dict[str, Any]) -> str:
    from opsctl.cli import output

    if not result["releases"]:
        return "There is no dataset release yet; `opsctl dataset refresh` makes one."
    rows = [
        ["*" if item["active"] else "", str(item["release"]), item["created_at"], item["kind"], f"{item['rows']:,}",
         "" if item["rejected"] is None else f"{item['rejected']:,}", item["checksum"][:12],
         "rolled back" if item.get("rolled_back") else ""]
        for item in result["releases"]
    ]  # fmt: skip
    listed = output.table(["", "release", "created", "kind", "rows", "rejected", "checksum", ""], rows)
    flips = [
        [flip["at"], str(flip["release"]), flip["how"], "" if flip["instead_of"] is None else str(flip["instead_of"])]
        for flip in result["activations"]
    ]
    history = output.table(["activated", "release", "by", "instead of"], flips)
    return f"{listed}\n\n{history}" if flips else listed


def _rejects_text(result: dict[str, Any]) -> str:
    from opsctl.cli import output

    whose = "The last build" if result["release"] is None else f"The build of release {result['release']}"
    count = result["rejected"]
    lines = [f"{whose} rejected {count:,} {'row' if count == 1 else 'rows'}."]
    lines += [f"  {number:,} × {reason}" for reason, number in result["reasons"].items()]
    if "file" in result:
        return "\n".join([*lines, f"All of them: {result['file']}"])
    shown = result["rows"][:_SHOWN_REJECTS]
    rows = [[row["file"], str(row["line"]), row["reason"], output.one_line(row["value"])] for row in shown]
    if rows:
        lines.append(output.table(["file", "line", "reason", "value"], rows))
    if count > len(shown):
        lines.append(f"… and {count - len(shown):,} more; --out FILE writes all of them.")
    return "\n".join(lines)
