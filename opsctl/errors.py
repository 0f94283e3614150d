"""The one way opsctl fails: an error that can explain itself to a person.

Every layer raises `OpsctlError` (or a subclass declared beside the code that raises it); `opsctl.cli.app` alone turns
it into output and an exit code. Nothing here prints.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every opsctl command, as documented in the README."""

    OK = 0
    FAILED = 1
    USAGE = 2
    DIFFERS = 3
    INVALID_CONFIG = 4
    AWS_REFUSED = 5
    ROLLED_BACK = 6  # the load would bring back what was rolled back from
    BUSY = 75  # EX_TEMPFAIL of sysexits.h: try again later
    INTERRUPTED = 130  # 128 + SIGINT


class OpsctlError(Exception):
    """A failure with a stable `code`, a sentence for a person, and the next thing to do.

    `code` is kebab-case and stable: scripts match it in `--json` output.
    `message` says what happened and why; `hint` says what to run or write next.
    `detail` holds lines to show above the message, such as the tail of a log.
    `brief` says it in a few words where the message follows all the same, such as in a list of steps.
    `told`: whether events said what `detail` holds to whoever reads them.
    """

    exit_code: ExitCode = ExitCode.FAILED
    code: str = "failed"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        code: str | None = None,
        exit_code: ExitCode | None = None,
        detail: tuple[str, ...] = (),
        brief: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail
        self.brief = brief or message
        self.told = False
        if code is not None:
            self.code = code
        if exit_code is not None:
            self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class UsageError(OpsctlError):
    """The command line itself is wrong."""

    exit_code = ExitCode.USAGE
    code = "usage"


class ConfigError(OpsctlError):
    """`environments.yaml` can't be used as it is."""

    exit_code = ExitCode.INVALID_CONFIG
    code = "invalid-config"


class BusyError(OpsctlError):
    """Someone else holds what this command needs; trying again later can work."""

    exit_code = ExitCode.BUSY
    code = "busy"
