"""Names of raw files, folders, members of archives and S3 keys that mean something to a reader of patterns, of SQL, of
logs or of paths: each is read as the file that it is, or refused in a sentence. None makes a column or a source.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import zipfile
from pathlib import Path

import pytest
from salaries.ingest.bucket import BucketFolder
from salaries.ingest.build import build_dataset
from salaries.ingest.errors import IngestError
from salaries.ingest.rows import prepare_rows
from salaries.ingest.sources import read_sources
from salaries.ingest.unpack import UnpackLimits, unpack

from tests.service.test_service_refresh import Bucket

_UTF8, _CONTROL = "is not valid UTF-8; rename it", "holds a control character; rename it"
READ = (
    "c0=forged/x.csv", "role=forged/salary=9/x.csv", "c0=.csv", "=.csv", "line=7/problem=none/x.csv",
    "=1+1.csv", "@sum.csv", "-rf.csv", "--help.csv",
    "it's.csv", "'; DROP TABLE kept; --.csv", '"quoted".csv', "a`b.csv", "$(id).csv", "{{x}}.csv",
    "a*.csv", "?1.csv", "[ab]1.csv", "[!x]1.csv", "{a1,b1}.csv", "**/x.csv", "a[1].csv",
    "a\\b.csv", "a\\[1]*.csv", "\\x.csv",
    "%2e%2e%2fx.csv", "c0%3Dforged.csv", " lead.csv", "trail .csv", "dots....csv", "s3:/b/x.csv", "~.csv", "NUL.csv",
    "caf\u00e9.csv", "cafe\u0301.csv", "\uff43\uff10\uff1dforged/x.csv", "\u202evsc.csv", "\u0441\uff10=x/x.csv",
    "x" * 240 + ".csv",
)  # fmt: skip
REFUSED = {
    "new\nline.csv": _CONTROL,
    "a\rb.csv": _CONTROL,
    "tab\tb.csv": _CONTROL,
    "\x1b[2Jclear.csv": _CONTROL,
    "del\x7f.csv": _CONTROL,
    "line\u2028end.csv": _CONTROL,
    "forged\n10 raw files/x.csv": _CONTROL,
    os.fsdecode(b"latin\xe9.csv"): _UTF8,
    os.fsdecode(b"c0=\xff/x.csv"): _UTF8,
}
# What is no CSV by its name is none of the pipeline's, whatever else the name says.
LEFT_ALONE = ("x.csv.", "x.csv ", "x.csv/", ".hidden=1/x.csv", ".x.csv", "..\\b.csv")
# Two paths: the one that DuckDB reads as it is, and the careful one.
BODIES = {"plain": b"role,salary\nown,1\n", "careful": b"role,salary\nown,1\nbad,\0\n"}


@pytest.fixture
def raw(data_dir: Path) -> Path:
    """`raw/` with a file that the patterns above would find besides their own."""
    raw = data_dir / "raw"
    raw.mkdir(parents=True)
    (raw / "a1.csv").write_bytes(b"role,salary\nother,2\n")
    return raw


def put(raw: Path, name: str, body: bytes) -> None:
    path = raw / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if not name.endswith("/"):
        path.write_bytes(body)


def built(raw: Path) -> tuple[set[str], list[tuple[str, ...]]]:
    """The raw files that a build tells of, and its rows: role, source and figure."""
    report = build_dataset(data_dir=raw.parent, country="Brazil", encodings={})
    with (raw.parent / "salaries.csv").open(encoding="utf-8", newline="") as handle:
        rows = [(row["role"], row["source"], row["total_compensation"]) for row in csv.DictReader(handle)]
    return set(report.files), sorted(rows)


ROWS = [("other", "unknown", "2.00"), ("own", "unknown", "1.00")]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("name", READ)
def test_a_name_is_read_as_the_file_that_it_is(raw: Path, name: str, body: str) -> None:
    put(raw, name, BODIES[body])
    assert built(raw) == ({name, "a1.csv"}, ROWS)


@pytest.mark.parametrize("name", READ)
def test_so_is_a_packed_one(raw: Path, name: str) -> None:
    put(raw, f"{name}.GZ", gzip.compress(BODIES["plain"]))
    assert built(raw) == ({f"{name}.GZ", "a1.csv"}, ROWS)


@pytest.mark.parametrize("name", REFUSED)
def test_a_name_that_nobody_could_tell_is_refused(raw: Path, name: str) -> None:
    put(raw, name, BODIES["plain"])
    with pytest.raises(IngestError, match=REFUSED[name]) as refused:
        built(raw)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_what_has_no_name_of_a_csv_is_left_alone(raw: Path, name: str) -> None:
    put(raw, name, BODIES["plain"])
    assert built(raw) == ({"a1.csv"}, ROWS[:1])


@pytest.mark.parametrize("name", ["c0=forged", "[ab]*", "it's", "role=forged"])
def test_neither_does_the_folder_of_the_data_make_a_column(tmp_path: Path, name: str) -> None:
    import duckdb

    raw = tmp_path / name / "raw"
    put(raw, "x.csv", BODIES["plain"])
    put(raw, "y.csv", BODIES["careful"])
    assert built(raw)[1] == ROWS[1:]
    canonical = (raw.parent / "salaries.csv").read_bytes()
    put(tmp_path / "a1", "salaries.csv", canonical.replace(b"own", b"forged"))
    with duckdb.connect() as db:
        prepare_rows(db, canonical=raw.parent / "salaries.csv", live=None)
        assert db.sql("SELECT role FROM rows").fetchall() == [("own",)]


def test_a_name_is_no_formula_in_the_list_of_rejects(raw: Path) -> None:
    put(raw, "=HYPERLINK(1).csv", b"role,salary\nown,x\n")
    built(raw)
    with (raw.parent / "rejects.csv").open(encoding="utf-8", newline="") as handle:
        assert [row["file"] for row in csv.DictReader(handle)] == ["'=HYPERLINK(1).csv"]


def archive(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr(name, BODIES["plain"])
        packed.writestr("b.csv", BODIES["plain"])
    return buffer.getvalue()


@pytest.mark.parametrize("name", [*READ, "../../up.csv", "/etc/x.csv", "..\\..\\up.csv"])
def test_a_member_of_an_archive_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "received").write_bytes(archive(name))
    (tmp_path / "out").mkdir()
    found = unpack(
        tmp_path / "received", target=Path("a.csv"), encoding="utf-8", folder=tmp_path / "out", limits=UnpackLimits()
    )
    assert sorted(place[:4] for place in found.files) == ["000-", "001-"]
    assert all(
        path.parent == tmp_path / "out" and path.read_bytes() == BODIES["plain"] for path in found.files.values()
    )


@pytest.mark.parametrize("name", [name for name, why in REFUSED.items() if why == _CONTROL and "/" not in name])
def test_a_member_with_a_control_character_is_refused(tmp_path: Path, name: str) -> None:
    """Published, it would end every build until somebody renamed it."""
    (tmp_path / "received").write_bytes(archive(name))
    with pytest.raises(IngestError, match="in the archive holds a control character"):
        unpack(tmp_path / "received", target=Path("a.csv"), encoding="utf-8", folder=tmp_path, limits=UnpackLimits())


@pytest.mark.parametrize("name", ["received", "a.xlsx"])
@pytest.mark.parametrize("at", [16, 12])  # where its list begins, how long that is
def test_an_archive_that_names_places_outside_itself_is_damaged(tmp_path: Path, at: int, name: str) -> None:
    damaged = bytearray(archive("a.csv"))
    end = damaged.rfind(b"PK\x05\x06")
    damaged[end + at : end + at + 4] = (0x00FFFF00).to_bytes(4, "little")
    (tmp_path / "received").write_bytes(damaged)
    target = Path("a.csv").with_suffix(Path(name).suffix or ".csv")
    with pytest.raises(IngestError, match=r"damaged archive|can't be read as an Excel workbook"):
        unpack(tmp_path / "received", target=target, encoding="utf-8", folder=tmp_path, limits=UnpackLimits())


def test_a_member_without_a_name_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "received").write_bytes(archive("z.csv").replace(b"z.csv", b"\0.csv"))
    found = unpack(
        tmp_path / "received", target=Path("a.csv"), encoding="utf-8", folder=tmp_path, limits=UnpackLimits()
    )
    assert [path.name for path in found.files.values()] == ["000-b.csv"]


def test_a_member_whose_name_is_not_the_utf_8_that_it_says_is_a_damaged_archive(tmp_path: Path) -> None:
    (tmp_path / "received").write_bytes(archive("\u00e9\u00e9.csv").replace("\u00e9\u00e9".encode(), b"\xff" * 4))
    with pytest.raises(IngestError, match="damaged archive"):
        unpack(tmp_path / "received", target=Path("a.csv"), encoding="utf-8", folder=tmp_path, limits=UnpackLimits())


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_of_which_no_part_can_be_unpacked_is_refused(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "received", "w", method) as target:
        target.writestr("a.csv", "role,salary\n" * 200)
    with pytest.raises(
        IngestError, match=r"the archive holds \'a\.csv\', which is packed by another method than deflate"
    ):
        unpack(tmp_path / "received", target=Path("a.csv"), encoding="utf-8", folder=tmp_path, limits=UnpackLimits())


@pytest.mark.parametrize("name", [name for name in READ if ":/b" not in name])
def test_an_object_becomes_the_file_of_its_key(raw: Path, name: str) -> None:
    BucketFolder("b", Bucket({f"raw/{name}": BODIES["plain"], "raw/a1.csv": b"role,salary\nother,2\n"})).pull(raw)
    assert built(raw) == ({name, "a1.csv"}, ROWS)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        *((name, "holds a control character") for name, why in REFUSED.items() if why == _CONTROL),
        ("nul\0.csv", "holds a control character"),
        ("../up.csv", "would leave"),
        ("/etc/x.csv", "would leave"),
        ("b/../a1.csv", "is no plain path"),
        ("b//x.csv", "is no plain path"),
        ("./a1.csv", "is no plain path"),
    ],
)
def test_an_object_that_would_be_another_file_is_refused(raw: Path, name: str, why: str) -> None:
    with pytest.raises(IngestError, match=why) as refused:
        BucketFolder("b", Bucket({f"raw/{name}": b"forged"})).pull(raw)
    assert str(refused.value).isprintable()
    assert (raw / "a1.csv").read_bytes() == b"role,salary\nother,2\n"


def test_a_name_that_is_too_long_for_the_disk_is_the_disk_s_refusal(tmp_path: Path) -> None:
    """A command tells it in a sentence, as a full disk; fetching tells it of the one source."""
    (tmp_path / "received").write_bytes(archive("x" * 300 + ".csv"))
    with pytest.raises(OSError, match="File name too long"):
        unpack(tmp_path / "received", target=Path("a.csv"), encoding="utf-8", folder=tmp_path, limits=UnpackLimits())
    with pytest.raises(OSError, match="File name too long"):
        BucketFolder("b", Bucket({f"raw/{'x' * 300}.csv": b"1"})).pull(tmp_path / "raw")


def test_a_source_is_not_stored_under_a_name_that_ends_builds(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text('{"sources": [{"name": "a", "url": "a.csv", "dest": "x\\ny.csv"}]}')
    with pytest.raises(IngestError, match="holds a control character"):
        read_sources(tmp_path / "list.json")
