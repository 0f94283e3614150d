#!/usr/bin/env python
"""Entry point of every management command of the service."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the management command named on the command line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from config.env import EnvironmentVariableError
    from config.failures import failure_sentence

    try:
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)
    except EnvironmentVariableError as error:
        # One sentence instead of a traceback: this is what a task's log shows first.
        sys.stderr.write(f"error: {error}\n")
        sys.exit(4)
    except Exception as error:
        reason = failure_sentence(error)
        if reason is None or "--traceback" in sys.argv:
            raise
        # Of a task, the log's last line: as Django's own commands end, for whoever looks for it there.
        how = " (--traceback shows where)" if sys.stderr.isatty() else ""
        begun = "\n" if sys.argv[1] == "migrate" else ""  # which leaves the line of the migration that failed open
        sys.stderr.write(f"{begun}CommandError: {reason}{how}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
