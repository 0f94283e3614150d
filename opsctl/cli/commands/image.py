"""`opsctl image`: build, push, list and scan images."""

from __future__ import annotations

from typing import Annotated

import typer

from opsctl.cli.options import AllowFileOption, ConfigOption, EnvOption, JsonOption, LockedOption, RegionOption
from opsctl.errors import ExitCode

app = typer.Typer(name="image", help="Build, push and check images.", no_args_is_help=True, rich_markup_mode=None)

TagOption = Annotated[
    str | None,
    typer.Option("--tag", help="Default: the commit, with -dirty-HASH after local changes.", show_default=False),
]
RepositoryOption = Annotated[
    str | None,
    typer.Option("--repository", metavar="HOST/NAME", help="Another repository than the environment's.",
                 show_default=False),
]  # fmt: skip
UsernameOption = Annotated[
    str | None, typer.Option("--username", help="User for --repository; default: docker's login.", show_default=False)
]
PasswordOption = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password for --repository from stdin.")
]


@app.command("build")
def build(
    tag: TagOption = None,
    platform: Annotated[
        str | None,
        typer.Option("--platform", metavar="LIST", help="linux/amd64, linux/arm64 or both; default: the environment's.",
                     show_default=False),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option("--engine", metavar="ENGINE", show_default=False,
                     help="native (needs no engine), docker, podman or buildah; default: as the application needs."),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option("--base", envvar="OPSCTL_BASE_IMAGE", help="Another base image than the pinned one.",
                     show_default=False),
    ] = None,
    test: Annotated[bool, typer.Option("--test", help="Run the service's tests inside it (docker or podman).")] = False,
    allow_file: AllowFileOption = None,
    locked: LockedOption = None,
    env: EnvOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Build the application's image from this checkout into .opsctl/images, with a bill of materials beside it."""
    from opsctl.cli import output
    from opsctl.cli.checkout import database_notes, untracked_notes
    from opsctl.cli.context import open_workspace
    from opsctl.cli.progress import listening
    from opsctl.cli.render_images import built_text
    from opsctl.operate.image import run_build

    target = open_workspace(config, locked=locked, allow_files=allow_file).target(env)
    output.notes([*untracked_notes(target.project), *database_notes(target.project)])
    with listening(as_json=as_json) as emit:
        built = run_build(target, tag=tag, platform=platform, engine=engine, base=base, test=test, emit=emit)
    output.result(built.to_dict(), built_text(built), as_json=as_json)


@app.command("lock")
def lock(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail when opsctl.lock is out of date.")
    ] = False,
    env: EnvOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Resolve what the application requires into opsctl.lock, with hashes, and pin its base image there."""
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.operate.image import run_lock

    done = run_lock(open_workspace(config).target(env), frozen=check)
    text = f"{done['lock']} is written; commit it." if done["written"] else f"{done['lock']} is up to date."
    output.result(done, text, as_json=as_json)


@app.command("push")
def push(
    tag: TagOption = None,
    repository: RepositoryOption = None,
    username: UsernameOption = None,
    password_stdin: PasswordOption = False,
    env: EnvOption = None,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Push a built image to the environment's repository; layers that are there are not sent again."""
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.cli.progress import listening
    from opsctl.cli.render_images import pushed_text
    from opsctl.operate.image import Elsewhere, run_push

    target = open_workspace(config).target(env, region)
    elsewhere = Elsewhere(repository, username, _password(password_stdin))
    with listening(as_json=as_json) as emit:
        pushed = run_push(target, tag=tag, elsewhere=elsewhere, emit=emit)
    output.result(pushed.to_dict(), pushed_text(pushed), as_json=as_json)


@app.command("sign")
def sign(
    reference: Annotated[
        str | None,
        typer.Argument(
            metavar="REFERENCE", help="Digest or tag; default: what was built here of this commit.", show_default=False
        ),
    ] = None,
    env: EnvOption = None,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign an image of the environment's repository with the KMS key of images.verify, as cosign does."""
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.cli.progress import listening
    from opsctl.operate.image import run_sign

    target = open_workspace(config).target(env, region)
    with listening(as_json=as_json) as emit:
        done = run_sign(target, reference, emit)
    text = f"{done['image']} {'is signed' if done['signed'] else 'was signed already'}: {done['tag']}."
    output.result(done, text, as_json=as_json)


@app.command("list")
def list_images(
    local: Annotated[bool, typer.Option("--local", help="The images built here instead.")] = False,
    repository: RepositoryOption = None,
    username: UsernameOption = None,
    password_stdin: PasswordOption = False,
    env: EnvOption = None,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the images of the environment's repository, newest first."""
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.cli.render_images import images_text
    from opsctl.operate.image import Elsewhere, published, stored

    target = open_workspace(config).target(env, region).reading()
    elsewhere = Elsewhere(repository, username, _password(password_stdin))
    rows = stored(target) if local else published(target, elsewhere)
    output.result(rows, images_text(rows), as_json=as_json)


@app.command("scan")
def scan(
    tag: TagOption = None,
    fail_on: Annotated[
        str | None,
        typer.Option("--fail-on", metavar="SEVERITY", help="Exit 1 on LOW, MEDIUM, HIGH or CRITICAL and worse.",
                     show_default=False),
    ] = None,
    env: EnvOption = None,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Show what ECR's scan found in an image; starts a scan when there was none."""
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.cli.render_images import findings_text
    from opsctl.operate.image_scan import run_scan, threshold, too_bad

    limit = threshold(fail_on)
    report = run_scan(open_workspace(config).target(env, region).reading(), tag)
    output.result(report, findings_text(report), as_json=as_json)
    if too_bad(report, limit):
        raise typer.Exit(int(ExitCode.FAILED))


def _password(by_stdin: bool) -> str | None:
    """The first line of stdin, if it was announced."""
    import sys

    return sys.stdin.readline().rstrip("\r\n") if by_stdin else None
