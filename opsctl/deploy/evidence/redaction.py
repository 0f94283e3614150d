"""Blotting out what nobody may read afterwards: a record outlives the run and is read by more people than ran it.

Two ways: values that are known to be secret, wherever they stand, and what looks like a secret, by its name or its
form. Too much is blotted out rather than too little; ARNs stay, as they name what has to be corrected.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote, quote_plus

MASK = "***"
# A shorter value would be found in the middle of words.
_SHORTEST = 6
_SHORTEST_LINE = 12
_LONGEST = 4_000
_NAMES = (
    "passw(?:or)?d|passwd|pwd|passphrase|secret|token|api[_-]?key|private[_-]?key|access[_-]?key|signing[_-]?key|"
    "encryption[_-]?key|account[_-]?key|shared[_-]?key|master[_-]?key|credential|dsn|signature|sessionid|session[_-]?key|csrf|"
    # A word of its own: `footprint` has it as well.
    "(?<![a-z])t?otp(?:[_-]?(?:code|token))?(?![a-z])|mfa[_-]?code"
)
# Colours stand between a name and its sign; also as JSON and Python write them.
_COLOURS = re.compile(r"(?:\x1b|\\u001b|\\x1b|\\033|\\e)\[[0-9;]*[mK]", re.IGNORECASE)
_NAMED = re.compile(
    r"(?<![:\w./-])(?P<name>[\w.-]{0,100}?(?:" + _NAMES + r")[\w.-]{0,100})"
    r"(?P<sign>\\*[\"']?\]?\s*(?:=>|%3D|[:=])\s*)"
    # In quotes: up to the quote that has as many backslashes as the first, or to the end of what was cut before it.
    r"(?P<value>[bruf]{0,2}(?P<double>\\*)\"(?:(?!(?<!\\)(?P=double)\").)*(?:(?P=double)\"|\Z)|"
    r"[bruf]{0,2}(?P<single>\\*)'(?:(?!(?<!\\)(?P=single)').)*(?:(?P=single)'|\Z)|[^\s,;&)}\]\"']+)",
    re.IGNORECASE | re.DOTALL,
)
# What ends the name of an error, not of a value: `InvalidTokenException: it is too old`.
_NO_VALUE = re.compile(
    "(error|exception|denied|expired|required|missing|refused|failure|failed|invalid|notfound|warning)$", re.IGNORECASE
)
# A sentence that goes on: `does not accept this secret: check that it is …`.
_PROSE = re.compile(r"(?:secret|token|signature|credential|otp)s?: [a-z]{2,} [a-z]")
# A value that a sentence says: `the password is …`, `refused token …`. Which of them are values, `_said` decides.
_SENTENCE = re.compile(
    r"\b(?P<before>(?:passwords?|passphrase|pwd|secrets?(?: key)?|tokens?|api key|private key|access key|otp|one-time "
    r"code)(?P<link>(?:\s+(?:is|was|are|were|reads|value|to))*)\s+)"
    r"(?:(?P<quote>[\"'`])(?P<quoted>(?:(?!(?P=quote)).){4,200})(?P=quote)|(?P<bare>[^\s\"'`,;()<>\[\]{}]{6,200}))",
    re.IGNORECASE,
)
_NAME_LIKE = re.compile(r"[A-Za-z]+(?:[-_.][A-Za-z0-9]+)*\d{0,2}[.:]?")
_PLACE_LIKE = re.compile(r"arn:|rds!|https?:|v?\d+(?:\.\d+)+|\d{4}-\d\d|/|[\w.-]+(?:/[\w.-]+)+[.:]?$|[\w-]+:\d+$")
# `password: |`, and what is indented below it.
_BLOCK = re.compile(
    r"^(?P<indent>[ \t]*)(?P<name>(?:- +)*[\"']?[\w.-]{0,100}?(?:" + _NAMES + r")[\w.-]{0,100}[\"']?\s*:)\s*"
    r"[|>][-+\d]{0,2}[ \t]*(?:#[^\n]*)?$",
    re.IGNORECASE,
)
_EMPTY = {"none", "null", "true", "false", '""', "''", "{", "[", "("}

_FORMS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|\Z)",
                re.DOTALL), MASK),
    # A line of such a block by itself, as a log has it; a key in DER; a session token of AWS.
    (re.compile(r"^\s*(?![0-9a-f]+\s*$)[A-Za-z0-9+/]{60,}={0,2}\s*$", re.MULTILINE), MASK),
    (re.compile(r"\b(?:MII[A-Za-z0-9]|(?:IQoJ|FwoG|FQoG)[A-Za-z0-9])[A-Za-z0-9+/]{36,}={0,2}"), MASK),
    # Passwords in URLs; those of databases and brokers may hold a slash that nobody escaped.
    (re.compile(r"((?:postgres|postgis|psycopg|mysql|mariadb|redis|amqp|mongodb|smtp)\w*(?:\+\w+)?://[^\s:@/]*):\S+@",
                re.IGNORECASE), rf"\1:{MASK}@"),
    (re.compile(r"(\w[\w+.-]*://[^\s/:@]*):[^\s/\"'<>]+@"), rf"\1:{MASK}@"),
    (re.compile(r"(\w[\w+.-]*://)[^\s/:@]{8,}@"), rf"\1{MASK}@"),
    (re.compile(r"(cookies\\*[\"']?\s*[:=]\s*)\{[^{}]*(?:\}|\Z)", re.IGNORECASE), rf"\1{MASK}"),
    # Headers: to the end of the line, or of the text that quotes them.
    (re.compile(r"((?:authorization|cookie)\\*[\"']?\s*[:=,]\s*b?\\*[\"']?)[^\r\n\"'\\]+", re.IGNORECASE),
     rf"\1{MASK}"),
    (re.compile(r"\b(bearer|basic)\s+(?=\S*[\d=])[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(r"\b(X-Amz-(?:Security-Token|Signature|Credential)=)[^\s&\"']+", re.IGNORECASE), rf"\1{MASK}"),
    # Of a query string what opens something by itself: names too common to be looked for anywhere.
    (re.compile(r"([?&](?:code|sig|auth|key|otp|sid|jwt|hmac|session|ticket|SAMLResponse)=)[^\s&\"'<>]+",
                re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(r"(\bhooks\.slack\.com/\w+/|\bdiscord(?:app)?\.com/api/webhooks/)[^\s\"'<>]+"), rf"\1{MASK}"),
    # An option and its value, and a pair of a name and its value.
    (re.compile(rf"(?<![\w-])(--?[\w-]{{0,60}}?(?:{_NAMES})[\w-]{{0,60}}[\"']?,?\s+)"
                r"(?!-|/|(?:to|is|are|or|and|for|with|in|must|needs|has|was|option)\b)[\"']?[^\s,\"']+",
                re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(rf"([\"'][\w.-]{{0,60}}?(?:{_NAMES})[\w.-]{{0,60}}[\"'],\s*b?)([\"'])(?:(?!\2).)+(?:\2|\Z)",
                re.IGNORECASE), rf"\1\2{MASK}\2"),
    # Programs whose option for a password is a letter.
    (re.compile(r"(\b(?:mysql|mariadb)[\w-]{0,20}\b[^\n]{0,300}?[\s\"']-p)[^\s\"',]+"), rf"\1{MASK}"),
    (re.compile(r"(\b(?:sshpass[\"',]*\s+[\"']?-p|redis-cli\b[^\n]{0,200}?\s[\"']?-a)[\"',]*\s*[\"']?)[^\s\"',]+"),
     rf"\1{MASK}"),
    (re.compile(r"(\bcurl\b[^\n]{0,300}?\s[\"']?(?:-u|--user)[\"',=]*\s*[\"']?[^\s:\"']{1,80}):[^\s\"']+"),
     rf"\1:{MASK}"),
    # What Django keeps of a password.
    (re.compile(r"\b(pbkdf2_\w+|argon2\w*|bcrypt\w*|scrypt)\$[\w+/=.,$-]{8,}"), rf"\1{MASK}"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), MASK),
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*"), MASK),
    (re.compile(r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|sk[-_](?:live|test|proj|ant)?[-_]?|rk_live_|npm_|pypi-|"
                r"AIza|whsec_|SG\.)[\w.-]{16,}"), MASK),
)  # fmt: skip
_BEGINS = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY")
_ENDS = re.compile(r"-----END [A-Z ]*PRIVATE KEY")
# A secret access key has no mark of its own; a commit's hash, as long, is hexadecimal.
_FORTY = re.compile(r"(?<![\w/+=.-])[A-Za-z0-9/+]{40}(?![\w/+=.-])")


class Redactor:
    """Blots out, in any thread. `learn` tells it values that are secret."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._known: re.Pattern[str] | None = None
        self._values: set[str] = set()
        self.learn(values)

    def learn(self, values: Iterable[str]) -> None:
        """More values that are secret, each as it is, in URLs, in JSON, and the texts in one that is JSON."""
        with self._lock:
            for value in values:
                self._values |= set(_spellings(value))
            longest = sorted(self._values, key=len, reverse=True)
            self._known = re.compile("|".join(re.escape(each) for each in longest)) if longest else None

    def __call__(self, text: str) -> str:
        """`text` without secrets; of one that is longer than anybody reads, the beginning."""
        if len(text) > _LONGEST:
            text = f"{text[:_LONGEST]}… ({len(text) - _LONGEST:,} more characters)"
        if self._known is not None:
            text = self._known.sub(MASK, text)
        text = _COLOURS.sub("", text)
        if "\n" in text:
            text = "\n".join(_without_blocks(text.split("\n")))
        for pattern, instead in _FORMS:
            text = pattern.sub(instead, text)
        return _SENTENCE.sub(_said, _FORTY.sub(_without_key, _NAMED.sub(_without_value, text)))

    def lines(self, lines: Sequence[str]) -> list[str]:
        """The same for lines that belong together: a private key is mostly written as many, a block of YAML too."""
        found, inside = [], False
        for line in _without_blocks([_COLOURS.sub("", line) for line in lines]):
            begins, ends = _BEGINS.search(line), _ENDS.search(line)
            found.append(MASK if inside and not begins else self(line))
            inside = not ends if begins or inside else False
        return found

    def deep(self, value: object) -> object:
        """The same for all texts in lists and mappings."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, Mapping):
            return {key: self.deep(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            texts = [item for item in value if isinstance(item, str)]
            return self.lines(texts) if len(texts) == len(value) else [self.deep(item) for item in value]
        return value


def of_environment(variables: Mapping[str, str]) -> list[str]:
    """Values of this process's variables that are secret by their name, such as a CI's tokens."""
    named = re.compile(_NAMES, re.IGNORECASE)
    return [value for name, value in variables.items() if named.search(name) and not value.startswith(("/", "arn:"))]


def _spellings(value: str) -> Iterable[str]:
    try:
        held = json.loads(value) if value.startswith("{") else {}
    except ValueError:
        held = {}
    # Logs have a value of several lines, such as a key, line by line.
    parts = [line.strip() for line in value.splitlines()] if "\n" in value else []
    texts = [
        value,
        *(line for line in parts if len(line) >= _SHORTEST_LINE),
        *(each for name, each in held.items() if isinstance(each, str) and _is_secret(name)),
    ]
    for text in texts:
        if len(text) >= _SHORTEST and not text.isdigit() and text.lower() not in {"default", "localhost"}:
            yield from {text, quote(text, safe=""), quote_plus(text), json.dumps(text)[1:-1], repr(text)[1:-1]}


def _is_secret(name: str) -> bool:
    """Whether a field of a secret is one: RDS keeps address and user beside the password."""
    return name not in {"username", "host", "port", "engine", "dbname", "dbInstanceIdentifier", "masterarn"}


def _without_value(found: re.Match[str]) -> str:
    name, value = found["name"], found["value"]
    if (
        _PROSE.match(found.string[found.start() :])
        or _NO_VALUE.search(name)
        or value.lower() in _EMPTY
        or value.startswith(("arn:", MASK))
    ):
        return found[0]
    return f"{name}{found['sign']}{MASK}"


def _without_blocks(lines: Sequence[str]) -> list[str]:
    """The lines, with a mask for each that belongs to a block of YAML below a secret's name."""
    found: list[str] = []
    below: int | None = None
    for line in lines:
        indent = len(line) - len(line.lstrip(" \t"))
        if below is not None and (not line.strip() or indent > below):
            found.append(f"{line[:indent]}{MASK}" if line.strip() else line)
            continue
        begin = _BLOCK.match(line)
        below = len(begin["indent"]) if begin else None
        found.append(f"{begin['indent']}{begin['name']} {MASK}" if begin else line)
    return found


def _said(found: re.Match[str]) -> str:
    """A value in a sentence has letters and digits, or stands in quotes after `is`; names and places are none."""
    quote, value = found["quote"] or "", found["quoted"] or found["bare"]
    linked = bool(found["link"].strip())
    mixed = re.search(r"\d", value) is not None and re.search(r"[A-Za-z]", value) is not None
    if _PLACE_LIKE.match(value) or MASK in value:
        return found[0]
    if not (mixed or (quote and linked and not re.fullmatch("[A-Za-z]+", value))):
        return found[0]
    if not linked and _NAME_LIKE.fullmatch(value):
        return found[0]
    return f"{found['before']}{quote}{MASK}{quote}"


def _without_key(found: re.Match[str]) -> str:
    kinds = ("[A-Z]", "[a-z]", "[0-9]", "[g-zG-Z]")
    return MASK if all(re.search(kind, found[0]) for kind in kinds) else found[0]
