"""Why opsctl stopped watching, while AWS goes on with what it was told to do."""

from __future__ import annotations

from opsctl.errors import ExitCode, OpsctlError


class LeftRunningError(OpsctlError):
    """Nobody watches any more, but AWS goes on with what it was told to do."""

    code = "left-running"


class DetachedError(LeftRunningError):
    """The person pressed Ctrl-C."""

    exit_code = ExitCode.INTERRUPTED
    code = "detached"


class DeadlineError(LeftRunningError):
    """It took longer than we were told to wait."""

    code = "deadline"


class UnansweredError(LeftRunningError):
    """AWS did not answer for minutes, or not us."""

    code = "unanswered"
