"""Tags that every service takes. The narrowest says what is allowed: a stack's tags go to all of its resources."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping

from opsctl.config import naming
from opsctl.config.located import KeyPath
from opsctl.config.models import Environment
from opsctl.config.nearest import nearest
from opsctl.config.problem import Problem

# Keys of 1 to 128, values of 1 to 256 characters, 50 tags. [API CloudFormation Tag, TagValue; CreateChangeSet Tags]
LONGEST_KEY, LONGEST_VALUE, MOST = 128, 256, 50
# Letters, digits and blanks of any script, and these. [API IAM tagKeyType, Logs TagKey, ECS TagKey]
PUNCTUATION = "_.:/=+-@"
_FOUND_BY = ("managed-by", "environment", "service", "client")
_NAME_TAG = 1
"""`Name`, which some resources get beside the stack's tags."""


def tags(env: Environment) -> Iterator[Problem]:
    """Each by itself, then what one stack has together."""
    for stack in env.tag_overrides:
        if stack not in naming.STACKS:
            yield Problem(("tag_overrides", stack), f"there is no stack `{stack}`", nearest(stack, naming.STACKS))
    groups: list[tuple[KeyPath, dict[str, str]]] = [(("tags",), env.tags)]
    groups += [(("tag_overrides", stack), values) for stack, values in env.tag_overrides.items()]
    for path, values in groups:
        for key, value in values.items():
            yield from _tag((*path, key), key, value)
            if naming.own_tags(env).get(key, value) != value and key in _FOUND_BY and "bootstrap" not in path:
                yield Problem(
                    (*path, key),
                    f"`{key}` takes the place of opsctl's own tag, by which `status` and `destroy --from-account` find "
                    "what no file names any more",
                    "Use another name, unless the account's rules ask for this one.",
                    certain=False,
                )
    yield from _together(env)


def _tag(path: KeyPath, key: str, value: str) -> Iterator[Problem]:
    if key.lower().startswith("aws:"):
        fix = f"Write `{key[4:]}`, or another name." if key[4:] else "Use another name."
        yield Problem(path, "tag names that start with `aws:` are reserved", fix)
    elif not 1 <= len(key) <= LONGEST_KEY:
        yield Problem(path, f"a tag's name has 1 to {LONGEST_KEY} characters, this one {len(key)}", "Shorten it.")
    elif wrong := _refused(key):
        yield Problem(path, f"a tag's name can't hold {wrong}", _fix(key, "`"))
    if not value:
        yield Problem(path, "CloudFormation takes no tag without a value", 'Write one, such as "yes", or remove it.')
    elif len(value) > LONGEST_VALUE:
        yield Problem(
            path, f"a tag's value has at most {LONGEST_VALUE} characters, this one {len(value)}", "Shorten it."
        )
    elif wrong := _refused(value):
        yield Problem(path, f"a tag's value can't hold {wrong}", _fix(value, '"'))


_ALLOWED = f"letters, digits, blanks and {' '.join(PUNCTUATION)} are allowed"


def _taken(char: str) -> bool:
    return char in PUNCTUATION or unicodedata.category(char)[0] in "LNZ"


def _refused(text: str) -> str:
    """The characters that are not taken, as `&` and `,`."""
    return " and ".join(f"`{char}`" for char in dict.fromkeys(text) if not _taken(char))


def _allowed(text: str) -> str:
    """The nearest text that is taken."""
    words = "".join(char if _taken(char) else " and " if char == "&" else " " for char in text)
    return " ".join(words.split())


def _fix(text: str, quote: str) -> str:
    near = _allowed(text)
    return f"Write {quote}{near}{quote}: {_ALLOWED}." if near else f"Write another: {_ALLOWED}."


def _together(env: Environment) -> Iterator[Problem]:
    """Names that differ by case alone are one for IAM, which tags every role. [UG IAM id_tags]"""
    stacks: Mapping[KeyPath, dict[str, str]] = {
        ("tags",): env.tags,
        **{
            ("tag_overrides", stack): {**({} if stack == "bootstrap" else env.tags), **values}
            for stack, values in env.tag_overrides.items()
        },
    }
    told = set[str]()
    for path, given in stacks.items():
        seen: dict[str, str] = {}
        every = {**naming.own_tags(env), **given}
        for key in every:
            other = seen.setdefault(key.lower(), key)
            if other != key and key not in told:
                told.add(key)
                whose = "opsctl's own" if other in naming.own_tags(env) else "another"
                where = path if path[0] == "tags" or key in env.tag_overrides[str(path[1])] else ("tags",)
                yield Problem(
                    (*where, key),
                    f"`{key}` and {whose} `{other}` differ by case alone, and IAM takes them for one",
                    f"Write it as `{other}`, or use another name.",
                )
        if len(every) + _NAME_TAG > MOST:
            room = MOST - _NAME_TAG - len(naming.own_tags(env))
            yield Problem(
                path, f"{len(given)} tags; AWS allows {MOST} with those that opsctl sets", f"Write at most {room}."
            )
