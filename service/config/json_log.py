"""Logs as one JSON object a line on standard error, which is what CloudWatch Logs Insights can query."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

_EXTRA_FIELDS = ("request_id", "method", "path", "status", "duration_ms", "bytes", "remote")

# Of their credentials, retries and connection pools: what matters of it is an error that we raise and word ourselves.
_LIBRARIES = ("boto3", "botocore", "s3transfer", "urllib3")


class JsonFormatter(logging.Formatter):
    """One line a record; a traceback goes into `error` so that it stays one event."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: getattr(record, name) for name in _EXTRA_FIELDS if hasattr(record, name)}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def logging_config(level: str) -> dict[str, Any]:
    """Return Django's LOGGING for `level`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "config.json_log.JsonFormatter"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level},
        # Django logs each 4xx as a warning; the access log already has them.
        "loggers": {
            "django.request": {"level": "ERROR"},
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            **{name: {"level": "ERROR"} for name in _LIBRARIES},
        },
    }
