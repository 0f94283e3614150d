"""Images and what was found in them as text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opsctl.cli import output
from opsctl.cli.render_status import cell
from opsctl.images.listener import megabytes

if TYPE_CHECKING:
    from opsctl.images.oci.push import Pushed
    from opsctl.images.workshop import Built

# Of an image for several platforms, and of the emulator's, registries count the manifest alone: that is no size.
_MANIFEST = 10_000


def built_text(built: Built) -> str:
    """For people."""
    verb = "was built before" if built.unchanged else f"is built in {built.seconds:.1f} s"
    lines = [f"{built.tag} {verb}: {built.digest}, {megabytes(built.size)}, {', '.join(built.platforms)}."]
    if built.tested is not None:
        lines.append(f"{built.tested} tests ran inside it, as many as this machine collects.")
    lines += [f"Bill of materials: {path}" for path in built.sbom]
    return "\n".join(lines)


def pushed_text(pushed: Pushed) -> str:
    """For people: the digest stands alone on the last line."""
    did = f"{pushed.sent} layers, {megabytes(pushed.size)} sent" if pushed.sent else "nothing to send"
    signed = " Its signature went along." if pushed.signed else ""
    return f"{pushed.tag}: {did}, {pushed.present} there already, {pushed.seconds:.1f} s.{signed}\n{pushed.image}"


def images_text(rows: list[dict[str, Any]]) -> str:
    """For people."""
    if not rows:
        return "There are no images."
    return output.table(
        ("DIGEST", "SIZE", "TIME (UTC)", "TAGS"),
        [
            (row["digest"][:19], megabytes(row["size"]) if row["size"] > _MANIFEST else "-", cell(row["time"]),
             ", ".join(row["tags"]) or "-")
            for row in rows
        ],
    )  # fmt: skip


def findings_text(report: dict[str, Any]) -> str:
    """For people."""
    head = f"{report['repository']}:{report['tag']} ({report['digest'][:19]})"
    skipped = [f"Not scanned: {each['reason']}" for each in report["not_scanned"]]
    if not report["findings"]:
        return "\n".join([f"{head}: the scan found nothing.", *skipped])
    counts = ", ".join(f"{count} {name}" for name, count in report["counts"].items())
    rows = [
        (each["severity"], each["id"], f"{each['package']} {each['version']}".strip() or "-", each["fixed"] or "-")
        for each in report["findings"]
    ]
    table = output.table(("SEVERITY", "ID", "PACKAGE", "FIXED IN"), rows)
    return "\n".join([f"{head}: {counts or 'nothing of weight'}", table, *skipped])
