"""YAML as a person would write it: plain where that is safe, quoted where it is not, with comments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

import yaml

_PLAIN = re.compile(r"[A-Za-z0-9_./@-][A-Za-z0-9_./@%+=:$-]*")


def clean(text: str) -> str:
    """Without what a line of YAML can't hold: line breaks, control and other unprintable characters."""
    text = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text)
    return yaml.reader.Reader.NON_PRINTABLE.sub("", text)


def scalar(text: str) -> str:
    """A text, quoted unless YAML reads it as this text anyway."""
    text = clean(text)
    if _PLAIN.fullmatch(text):
        try:
            if yaml.safe_load(f"[{text}]") == [text] and yaml.safe_load(f"key: {text}") == {"key": text}:
                return text
        except (yaml.YAMLError, ValueError):
            pass
    return json.dumps(text, ensure_ascii=False)


def value(text: str) -> str:
    """A text on a line of its own, where braces need no quotes."""
    text = clean(text)
    if re.fullmatch(r"\$\{[a-z_.]+(/[a-z]+)?\}", text):
        return text
    return scalar(text)


def flow(words: Iterable[str]) -> str:
    """A list on one line."""
    return f"[{', '.join(map(scalar, words))}]"


def comment(text: str) -> str:
    """`  # text`, or nothing."""
    text = clean(text).strip()
    return f"  # {text[:200]}" if text else ""


def block(key: str, lines: Iterable[str]) -> list[str]:
    """A key with lines below it; nothing where there is none, and a comment above comments alone."""
    inside = list(lines)
    if all(line.startswith("#") for line in inside):
        key = f"# {key}"
    return [f"{key}:", *(f"  {line}" if line else "" for line in inside)] if inside else []
