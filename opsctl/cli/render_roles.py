"""The status of the database roles as text for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opsctl.cli import output


def status_text(report: Mapping[str, Any]) -> str:
    """Roles as a table, then owners, default privileges and the drift."""
    roles = output.table(
        ("ROLE", "LOGS IN", "LIMIT", "MEMBER OF", "SETTINGS"), [_row(role) for role in report["roles"]]
    )
    head = (
        f"Database {report['database']} of {report['database_owner']}, PostgreSQL {report['server_version']}; "
        f"read as {report['master']}."
    )
    lines = [f"Schema {name} belongs to {owner}." for name, owner in report["schema_owners"].items()]
    lines += [f"Default privileges: {text}." for text in report["default_privileges"]]
    lines += [f"To do: {sentence}" for sentence in report["pending"]]
    lines += [f"Not made by opsctl: {finding}" for finding in report["findings"]]
    lines += [f"Left open: {sentence}" for sentence in report.get("left_open", ())]  # a function of before says none
    if not report["drifted"]:
        lines.append("The roles are as configured.")
    else:
        lines.append("The roles differ from the configuration. `opsctl db init` brings them in line.")
    return "\n".join([output.sentences(head), "", roles, "", *(output.sentences(each) for each in lines)])


def _row(role: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    if not role["exists"]:
        return (role["name"], "absent", "", "", "")
    limit = str(role["connection_limit"]) if role["connection_limit"] >= 0 else ""
    return (role["name"], _login(role), limit, ", ".join(role["member_of"]), "; ".join(role["settings"]))


def _login(role: Mapping[str, Any]) -> str:
    """How a role gets in, or what keeps it out."""
    if not role["login"]:
        return "no"
    if not role["connects"]:
        return "no (lacks CONNECT)"
    return "with a token" if role["rds_iam"] else "yes"
