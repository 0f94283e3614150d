"""Draw how the steps of a first deploy to AWS lie beside each other: `python -m scripts.first_deploy_picture`.

Writes docs/images/first-deploy.svg, by the model of `opsctl.deploy.planning.forecast`, for the `dev` environment.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

from opsctl.config.loader import load
from opsctl.deploy.planning import planner
from opsctl.deploy.planning.forecast import schedule
from opsctl.stacks import catalog

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "images" / "first-deploy.svg"
Steps = dict[str, tuple[float, float]]
# The stacks as they were cut first, by the durations of 2026-11-29.
BEFORE: Steps = {
    "bootstrap": (0, 57), "platform": (57, 208), "image": (208, 268), "network": (208, 407), "dashboard": (57, 369),
    "data": (407, 1057), "jobs": (1057, 1352), "migrate": (1352, 1412), "app": (1412, 1695),
}  # fmt: skip
_WIDTH, _LEFT, _ROW, _SECONDS = 760, 96, 22, 1800.0


def after() -> Steps:
    """Begin and end of each step in seconds, as opsctl orders them now."""
    env = load(ROOT / "environments.yaml").environments["dev"]
    templates = catalog.templates(env)
    return schedule(templates, planner.order(templates, image=True, migrate=True))


def draw() -> str:
    """The picture as SVG."""
    lines: list[str] = []
    top = 0
    for title, steps in (("Before", BEFORE), ("After", after())):
        top = _panel(lines, title, steps, top)
    frame = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" font-family="sans-serif" font-size="12"'
    paper = f'<rect width="{_WIDTH}" height="{top}" fill="#fff"/>'
    return "\n".join([f"<svg {frame}>", paper, *lines, "</svg>", ""])


def _panel(lines: list[str], title: str, steps: Steps, top: int) -> int:
    minutes = max(end for _, end in steps.values()) / 60
    title = f"{title}: {minutes:.1f} minutes for dev, by the model"
    lines.append(f'<text x="8" y="{top + 20}" font-weight="bold" fill="#111">{title}</text>')
    top += 30
    bottom = top + _ROW * len(steps)
    for minute in range(0, int(_SECONDS // 60) + 1, 5):
        x = _x(minute * 60)
        lines.append(f'<line x1="{x}" y1="{top}" x2="{x}" y2="{bottom}" stroke="#ddd"/>')
        lines.append(f'<text x="{x}" y="{bottom + 14}" text-anchor="middle" fill="#555">{minute}</text>')
    for number, (name, (begin, end)) in enumerate(sorted(steps.items(), key=lambda item: item[1])):
        y = top + number * _ROW
        color = "#b4540a" if name == "data" else "#1f6f8b"
        lines.append(f'<text x="{_LEFT - 8}" y="{y + 15}" text-anchor="end" fill="#111">{escape(name)}</text>')
        lines.append(
            f'<rect x="{_x(begin)}" y="{y + 4}" width="{_x(end) - _x(begin):.0f}" height="{_ROW - 8}" fill="{color}"/>'
        )
    return bottom + 30


def _x(seconds: float) -> int:
    return round(_LEFT + (_WIDTH - _LEFT - 16) * seconds / _SECONDS)


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
    print(f"{PICTURE.relative_to(ROOT)} is written")
