"""Who sits at the command line: what can be asked, what was typed."""

from __future__ import annotations

import getpass
import shlex
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from opsctl.cli import output
from opsctl.operate.target import Target, Workspace

if TYPE_CHECKING:
    from opsctl.operate.account import Found


def open_workspace(
    config: Path | None, *, locked: bool | None = None, checkout: bool = False, allow_files: list[str] | None = None
) -> Workspace:
    """The configuration, for whoever typed this command."""
    return Workspace.open(
        config, checkout=checkout, ask=ask_code, tell=output.note, command=command_line(), locked=locked,
        allow_files=tuple(allow_files or ()),
    )  # fmt: skip


def environment_in_account(
    config: Path | None, env: str | None, *, service: str | None, client: str | None, region: str | None
) -> Target:
    """An environment by its stacks: of the local target of this folder while that runs and has it, else of AWS."""
    from opsctl.errors import OpsctlError, UsageError
    from opsctl.operate import account

    workspace = account.workspace_of(config, ask=ask_code, tell=output.note, command=command_line())
    name = env or workspace.configuration.default
    if name is None:
        raise UsageError("No environment was named.", code="no-environment", hint="Add --env.")
    find = partial(account.found_target, workspace, name, service=service, client=client, region=region)
    here = account.not_asked_here(workspace)
    if not here:
        try:
            return find(local=True)
        except UsageError as error:
            if error.code != "unknown-environment" or not account.asks_aws(workspace, region):
                raise
            here = error.message
    try:
        return find(local=False)
    except OpsctlError:
        output.note(here)
        raise


def what_account_holds(config: Path | None, region: str | None) -> tuple[list[Found], set[tuple[str, str, str]]]:
    """What there is, on this machine while its local target runs, and on AWS; and what the file names of it.

    AWS is asked where the file has an environment there, or a region is known.
    """
    from opsctl.errors import OpsctlError
    from opsctl.operate import account

    workspace = account.workspace_of(config, ask=ask_code, tell=output.note, command=command_line())
    here = account.not_asked_here(workspace)
    found = [] if here else account.account_holds(workspace, region, local=True)
    if not found or account.asks_aws(workspace, region):
        try:
            found += account.account_holds(workspace, region, local=False)
        except OpsctlError as error:
            if not found:
                output.note(here)
                raise
            output.note(f"AWS was not asked: {error.message}")
    return found, {(each.name, each.service, each.client) for each in workspace.configuration.environments.values()}


def ask_code(question: str) -> str | None:
    """What a person types at the terminal, unseen; None where nobody can be asked: in a pipe, or under --json."""
    if "--json" in sys.argv or not sys.stdin.isatty() or not sys.stderr.isatty():
        return None
    try:
        return getpass.getpass(question, stream=sys.stderr)
    except EOFError:
        return None


def command_line() -> str:
    """The command as typed."""
    return shlex.join(["opsctl", *sys.argv[1:]])
