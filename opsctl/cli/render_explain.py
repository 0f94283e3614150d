"""Why a run failed, as text for a terminal and as one page that needs nothing else."""

from __future__ import annotations

from html import escape
from pathlib import Path

from opsctl.cli.output import filled, one_line
from opsctl.deploy.evidence.record import Explanation, Moment
from opsctl.errors import OpsctlError

_INDENT = " " * 11

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --dim: #5b636b; --paper: #fff; --line: #d5dade; --bad: #b42318;
  --soft: #f4f6f7; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --dim: #9aa4ad; --paper: #16191c; --line: #343a40;
  --bad: #ff8a7a; --soft: #1f2327; } }
body { margin: 0 auto; max-width: 62rem; padding: 2rem 1.25rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.35rem; line-height: 1.35; margin: 0 0 .75rem; overflow-wrap: anywhere; }
.failed h1 { color: var(--bad); }
.next { border-left: 4px solid var(--bad); background: var(--soft); padding: .6rem .9rem; margin: 0 0 1.5rem; }
.done .next { display: none; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 0 0 1.5rem; }
dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 0 0 .5rem; }
ol { list-style: none; margin: 0; padding: 0; }
li { display: grid; grid-template-columns: 5rem 6rem minmax(0, 1fr); gap: 0 .75rem; padding: .4rem 0;
  border-top: 1px solid var(--line); }
li > time, li > span { color: var(--dim); font-variant-numeric: tabular-nums; }
li.bad p { color: var(--bad); }
p { margin: 0; overflow-wrap: anywhere; }
pre { margin: .4rem 0 0; padding: .6rem .75rem; background: var(--soft); overflow-x: auto; font: 13px/1.45 monospace; }
@media (max-width: 40rem) { li { grid-template-columns: 5rem 1fr; } li > div { grid-column: 1 / -1; } }
"""


def text(found: Explanation, width: int | None) -> str:
    """The cause in the first line, then the evidence, oldest first, then what to do. `width` None wraps nothing,
    and the cause stays one line, to be copied.
    """
    blocks = [one_line(found.cause), "", *(_wrapped(line, width) for line in _about(found))]
    if found.moments:
        blocks += ["", *(line for moment in found.moments for line in _moment(moment, width))]
    if found.next:
        blocks += ["", _wrapped(f"Next: {found.next}", width)]
    return "\n".join(blocks)


def page(found: Explanation) -> str:
    """One HTML file: no script, nothing from elsewhere, every text escaped."""
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in _facts(found) if value)
    following = f'<p class="next">{escape(found.next)}</p>' if found.next else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(found.environment)} {escape(found.run)}: {escape(found.outcome)}</title>"
        f"<style>{_STYLE}</style></head>\n"
        f'<body class="{"done" if found.outcome == "done" else "failed"}"><h1>{escape(found.cause)}</h1>\n{following}\n'
        f"<dl>{facts}</dl>\n<h2>What happened (UTC)</h2>\n<ol>\n"
        f"{''.join(_item(moment) for moment in found.moments)}</ol>\n</body></html>\n"
    )


def write(path: Path, body: str) -> None:
    """Write the page. Raises OpsctlError where it can't be."""
    try:
        path.write_text(body, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise OpsctlError(
            f"{path} can't be written: {error.strerror}.", code="not-written", hint="Name another file with --html."
        ) from error


def _facts(found: Explanation) -> list[tuple[str, str]]:
    return [
        ("Run", found.run), ("Environment", found.environment), ("Asked", found.command), ("By", found.owner),
        ("At", f"{_clock(found.started, day=True)} UTC"), ("Ended", f"{found.outcome} after {_lasting(found.seconds)}"),
        ("Image", found.image), ("Planned", "; ".join(found.plan)),
    ]  # fmt: skip


def _about(found: Explanation) -> list[str]:
    who = f" by {found.owner}" if found.owner else ""
    lines = [
        f"Run {found.run} of {_clock(found.started, day=True)} UTC{who}",
        f"{found.outcome} after {_lasting(found.seconds)}",
        found.command,
        *(f"  {line}" for line in found.plan),
        f"  image {found.image}" if found.image else "",
    ]
    return [one_line(line) for line in lines if line]


def _moment(moment: Moment, width: int | None) -> list[str]:
    first, *rest = moment.lines
    at = f"{_clock(moment.time)}Z" if moment.time else ""
    head = f"{at:<9}  {moment.step}: {first}" if moment.step else f"{at:<9}  {first}"
    return [_wrapped(one_line(head), width, _INDENT), *(_INDENT + one_line(line) for line in rest)]


def _item(moment: Moment) -> str:
    first, *rest = moment.lines
    log = [line.removeprefix("| ") for line in (moment.lines if moment.kind == "log-line" else rest)]
    bad = ' class="bad"' if moment.kind in {"evidence", "resource-changed"} or first.startswith("failed") else ""
    body = "" if moment.kind == "log-line" else f"<p>{escape(first)}</p>"
    shown = "\n".join(log)
    pre = f"<pre>{escape(shown)}</pre>" if log else ""
    return f"<li{bad}><time>{_clock(moment.time)}</time><span>{escape(moment.step)}</span><div>{body}{pre}</div></li>\n"


def _wrapped(line: str, width: int | None, indent: str = "") -> str:
    if width is None or len(line) <= width:
        return line
    return "\n".join(filled(line, width, indent=indent))


def _clock(time: str, *, day: bool = False) -> str:
    """`12:04:01` of ISO 8601, with the day before it if asked."""
    date, _, rest = time.partition("T")
    return f"{date} {rest[:8]}".strip() if day else rest[:8]


def _lasting(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} minutes"
