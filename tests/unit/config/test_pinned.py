"""Requirements from Git: what is read of them, and what is refused without telling an address that holds a secret."""

from __future__ import annotations

import pytest

from opsctl.config.pinned import (
    PinnedRequirement,
    UnpinnedError,
    at_one_commit,
    parse_pinned,
    pinned_in,
    pinned_in_project,
    with_names,
)

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40
HOST = "https://git.example.org/team/shopkit.git"
PINNED = PinnedRequirement("shopkit", HOST, COMMIT)


@pytest.mark.parametrize(
    ("line", "read"),
    [
        (f"shopkit @ git+{HOST}@{COMMIT}", PINNED),
        (f"ShopKit@git+{HOST}@{COMMIT.upper()}", PINNED),
        (f"git+{HOST}@{COMMIT}#egg=shopkit", PINNED),
        (
            f"git+{HOST}@{COMMIT}#egg=shopkit[x]&subdirectory=lib/py ; python_version > '3.8'",
            PinnedRequirement("shopkit", HOST, COMMIT, "lib/py", ("x",), "python_version > '3.8'"),
        ),
        (
            f"shop_kit[y, X] @ git+{HOST}@{COMMIT}#subdirectory=lib",
            PinnedRequirement("shop-kit", HOST, COMMIT, "lib", ("x", "y")),
        ),
        (
            f"shopkit @ git+ssh://git@git.example.org/team/shopkit@{COMMIT}",
            PinnedRequirement("shopkit", "ssh://git@git.example.org/team/shopkit", COMMIT),
        ),
    ],
)
def test_a_requirement_at_a_commit_is_read(line: str, read: PinnedRequirement) -> None:
    assert parse_pinned(line) == read


def test_a_line_that_is_read_says_the_same_again() -> None:
    wanted = PinnedRequirement("shopkit", HOST, COMMIT, "lib")
    assert parse_pinned(f"{wanted.name} @ {wanted.place}") == wanted


@pytest.mark.parametrize(
    ("line", "what", "fix"),
    [
        (
            f"shopkit @ git+{HOST}@main",
            "shopkit is required from Git at main, and a branch or tag can move.",
            COMMIT[:0],
        ),
        (f"shopkit @ git+{HOST}@v1.2", "at v1.2, and a branch or tag can move.", f"git ls-remote {HOST} v1.2"),
        (f"shopkit @ git+{HOST}", "without a commit, and what its default branch names can move.", "40 digits"),
        (f"shopkit @ git+{HOST}@{COMMIT[:12]}", "a part of a commit id can come to name another.", "40 digits"),
        (f"-e git+{HOST}@{COMMIT}#egg=shopkit", "as editable", f"Write `shopkit @ git+{HOST}@{COMMIT}`, without -e."),
        (f"git+{HOST}@{COMMIT}", "has no name.", "name @ git+https://"),
        (f"shopkit @ git+git@git.example.org:team/shopkit@{COMMIT}", "none that is read", "git+ssh://git@HOST"),
        (f"shopkit @ git+http://git.example.org/shopkit@{COMMIT}", "none that is read", "git+https://"),
        (f"shopkit @ git+{HOST}@{COMMIT}#subdirectory=../x", "leads out", "inside"),
        (f"shopkit of git+{HOST}", "can't be read.", "name @ git+https://"),
    ],
)
def test_what_could_name_other_code_tomorrow_is_refused(line: str, what: str, fix: str) -> None:
    with pytest.raises(UnpinnedError) as caught:
        parse_pinned(line)
    assert what in caught.value.message
    assert fix in caught.value.hint


@pytest.mark.parametrize(
    "address",
    [
        "https://me:hunter2@git.example.org/shopkit",
        "https://hunter2@git.example.org/shopkit",
        "https://git.example.org/shopkit?token=hunter2",
        "https://${hunter2}@git.example.org/shopkit",
        "ssh://git:hunter2@git.example.org/shopkit",
    ],
)
@pytest.mark.parametrize("ending", [f"@{COMMIT}", "@main", ""])
def test_credentials_are_refused_and_not_told(address: str, ending: str) -> None:
    with pytest.raises(UnpinnedError, match="of shopkit holds credentials, which would be committed") as caught:
        parse_pinned(f"shopkit @ git+{address}{ending}")
    assert "hunter2" not in f"{caught.value.message}{caught.value.hint}{caught.value.detail}"


def test_requirements_files_are_read_by_line() -> None:
    text = (
        f"# git+{HOST}@main\ndjango==5.2 \\\n    --hash=sha256:1  # from git+x\n--find-links git+x\n"
        f"shopkit @ \\\n  git+{HOST}@{COMMIT}  # ours\n"
    )
    assert pinned_in(text) == [PINNED]


def test_a_project_says_it_in_its_dependencies_or_in_uvs_sources() -> None:
    declared = {
        "project": {
            "dependencies": ["django", f"shopkit @ git+{HOST}@{COMMIT}", "paykit[x]>=1 ; python_version > '3.8'"],
            "optional-dependencies": {"s3": ["storekit"], "unused": [f"badkit @ git+{HOST}@main"]},
        },
        "dependency-groups": {"prod": [{"include-group": "more"}], "more": ["mailkit"], "dev": ["devkit"]},
        "tool": {
            "uv": {
                "sources": {
                    "PayKit": {"git": "https://git.example.org/pay", "rev": OTHER, "subdirectory": "py"},
                    "storekit": {"git": "https://git.example.org/store", "rev": OTHER},
                    "mailkit": [{"git": "https://git.example.org/mail", "rev": OTHER, "marker": "os_name == 'nt'"}],
                    "devkit": {"git": "https://git.example.org/dev", "branch": "main"},
                    "django": {"index": "ours"},
                }
            }
        },
    }
    assert pinned_in_project(declared, ("prod",), ("s3",)) == [
        PINNED,
        PinnedRequirement("paykit", "https://git.example.org/pay", OTHER, "py", ("x",), "python_version > '3.8'"),
        PinnedRequirement("storekit", "https://git.example.org/store", OTHER),
        PinnedRequirement("mailkit", "https://git.example.org/mail", OTHER, marker="os_name == 'nt'"),
    ]
    with pytest.raises(UnpinnedError, match="devkit is required from Git at main"):
        pinned_in_project(declared, ("dev",), ())


def test_a_package_stands_at_one_commit_with_the_extras_of_all() -> None:
    first, second = (PinnedRequirement("shopkit", HOST, COMMIT, extras=(each,), marker=each) for each in "ab")
    assert at_one_commit([first, second]) == [
        PinnedRequirement("shopkit", HOST, COMMIT, extras=("a", "b"), marker="(a) or (b)")
    ]
    assert at_one_commit([first, PINNED])[0].marker == ""
    with pytest.raises(UnpinnedError, match="shopkit is required at two places"):
        at_one_commit([PINNED, PinnedRequirement("shopkit", HOST, OTHER)])


def test_names_come_before_their_addresses() -> None:
    nameless = f"git+{HOST}@{COMMIT}#subdirectory=a&egg=shopkit[x,y]&z=1 ; os_name == 'nt'"
    named = f"django\nshopkit @ git+{HOST}@{COMMIT}#egg=shopkit\n"
    assert with_names(f"{named}  {nameless}\n") == f"{named}  shopkit[x,y] @ {nameless}\n"
