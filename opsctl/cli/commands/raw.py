"""`opsctl dataset raw`: the raw files that the next build takes."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from opsctl.cli.options import ConfigOption, EnvOption, JsonOption, RegionOption, YesOption

app = typer.Typer(
    name="raw", help="List and remove the raw files that builds take.", no_args_is_help=True, rich_markup_mode=None
)
_PLACES = {
    "both": "here and in the bucket",
    "bucket": "in the bucket",
    "here": "here, not sent yet",
    "differs": "here, and another one in the bucket",
}


@app.command("list")
def list_(
    env: EnvOption = None,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the raw files in the dataset bucket and in data/raw/ here; the next build takes all of them."""
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.operate.bucket_files import list_raw

    result = list_raw(open_workspace(config).target(env, region).reading())
    output.result(result, _listed_text(result["files"]), as_json=as_json)


@app.command("remove")
def remove(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Names as `raw list` shows them.")],
    env: EnvOption = None,
    yes: YesOption = False,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove raw files from the dataset bucket and from data/raw/ here; the active release stays as it is."""
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.operate.bucket_files import chosen, list_raw, remove_raw

    target = open_workspace(config).target(env, region)
    listed = list_raw(target)
    files = chosen(listed, names)
    what = ", ".join(file["name"] for file in files)
    output.confirm(
        f"Remove {what} from the dataset bucket of {target.env.name} and from data/raw/?", yes=yes, as_json=as_json
    )
    result = remove_raw(target, listed, files)
    output.result(result, _removed_text(result), as_json=as_json)


def _listed_text(files: list[dict[str, Any]]) -> str:
    from opsctl.cli import output

    if not files:
        return "There is no raw file; `opsctl dataset fetch` fetches the sources, or put files into data/raw/."
    rows = [[file["name"], f"{file['bytes']:,}", file["source"] or "", _PLACES[file["place"]]] for file in files]
    return output.table(["file", "bytes", "source", "where"], rows)


def _removed_text(result: dict[str, Any]) -> str:
    left = result["remaining"]
    lines = [f"Removed: {', '.join(result['removed'])}.", f"What remains: {', '.join(left) or 'no raw file'}."]
    lines += [
        f"{name} comes back with the next fetch, unless its source `{source}` is taken out of the list."
        for name, source in result["fetched_again"].items()
    ]
    return "\n".join(
        [*lines, f"The active release stays; `opsctl dataset load --env {result['environment']}` makes the next."]
    )
