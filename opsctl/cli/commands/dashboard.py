"""`opsctl dashboard`: the dashboard as static files, and the site that serves them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from opsctl.cli.options import ConfigOption, EnvOption, JsonOption, RegionOption

app = typer.Typer(
    name="dashboard", help="Export, publish and open the dashboard.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("export")
def export(
    output_dir: Annotated[
        Path, typer.Option("--output-dir", metavar="FOLDER", help="Folder to write to.", file_okay=False)
    ] = Path("dist/dashboard"),
    filename: Annotated[str, typer.Option("--filename", help="Name of the page.")] = "index.html",
    env: EnvOption = None,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the environment's dashboard as static files, which need no service: the page opens from the disk too.

    The dataset task makes them, as it reaches the database, and hands them over through the dataset bucket.
    """
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.cli.progress import printing
    from opsctl.operate import site

    target = open_workspace(config).target(env, region)
    with printing(as_json=as_json) as emit:
        result = site.export(target, output_dir, filename, emit)
    output.result(result, f"Page: {result['page']}", as_json=as_json)


@app.command("publish")
def publish(
    env: EnvOption = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--dir", help="Publish this exported folder instead of a new export.", file_okay=False, exists=True
        ),
    ] = None,
    bucket: Annotated[
        str | None,
        typer.Option(
            "--bucket",
            help="With --dir and --region: this bucket instead of an environment's site; needs no environment.",
            show_default=False,
        ),
    ] = None,
    distribution: Annotated[
        str, typer.Option("--distribution", help="With --bucket: the CloudFront distribution in front of it.")
    ] = "",
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sync the exported dashboard to its site: only what changed, the page last; CloudFront forgets the old page."""
    from opsctl.cli import output
    from opsctl.cli.context import ask_code, open_workspace
    from opsctl.cli.progress import printing
    from opsctl.operate import site

    with printing(as_json=as_json) as emit:
        if bucket is not None:
            named = site.named_site(bucket, distribution, region=region, ask=ask_code)
            result = site.publish_folder(named, site.required(folder), emit)
        else:
            target = open_workspace(config).target(env, region)
            result = site.publish_environment(target, folder, emit)
    output.result(result, _published_text(result), as_json=as_json)


@app.command("open")
def open_(
    env: EnvOption = None,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the dashboard's address, and open it when a person sits at a terminal with a display."""
    from opsctl.cli import browser, output
    from opsctl.cli.context import open_workspace
    from opsctl.operate import site

    target = open_workspace(config).target(env, region).reading()
    url = site.address(target)
    opened = not as_json and browser.show(url)
    output.result({"environment": target.env.name, "url": url, "opened": opened}, url, as_json=as_json)


def _published_text(result: dict[str, Any]) -> str:
    """What publishing did, for people."""
    forgotten = f" CloudFront forgets {' '.join(result['invalidate'])}." if result["invalidation"] else ""
    return "\n".join([f"{result['summary']}.{forgotten}", result["url"]]).rstrip()
