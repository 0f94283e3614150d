"""`fetch_salary_sources`: what each kind of broken source says, and that good files stay as they are."""

from __future__ import annotations

import gzip
import hashlib
import io
import ipaddress
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ResponseStreamingError
from django.core.management import CommandError, call_command
from salaries.ingest.errors import IngestError
from salaries.ingest.fetch import FetchResult, fetch_sources
from salaries.ingest.sources import read_sources
from salaries.ingest.transport import Limits, Transport, is_link_local, is_public
from salaries.ingest.unpack import UnpackLimits

from tests.service.web import Web

CSV = b"role,salary\ndev,1\n"


Fetch = Callable[..., list[FetchResult]]


@pytest.fixture
def fetch(tmp_path: Path) -> Fetch:
    """Fetch a list of sources into `tmp_path`, on loopback."""

    def run(
        *sources: dict[str, Any], limits: Limits | None = None, unpacking: UnpackLimits | None = None, s3: Any = None,
        clock: Callable[[], float] | None = None,
    ) -> list[FetchResult]:  # fmt: skip
        path = tmp_path / "list" / "salary_sources.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"sources": list(sources)}))
        limits = limits or Limits(allow_http=True, allow_private=True)
        more = {"clock": clock} if clock else {}
        transport = Transport(base=path.parent, limits=limits, s3=lambda: s3, **more)
        return fetch_sources(
            sources=read_sources(path),
            data_dir=tmp_path,
            transport=transport,
            observer=lambda _name, _done, _total: None,
            limits=unpacking,
        )

    return run


def test_a_source_is_fetched_then_not_again_until_it_changes(web: Web, fetch: Fetch, tmp_path: Path) -> None:
    url = web.serve("/a.csv", CSV, ETag='"v1"')
    assert [result.outcome for result in fetch({"name": "a", "url": url})] == ["fetched"]
    assert (tmp_path / "raw" / "a.csv").read_bytes() == CSV
    assert [result.outcome for result in fetch({"name": "a", "url": url})] == ["unchanged"]
    assert web.requests[-1][1]["if-none-match"] == '"v1"'
    web.serve("/a.csv", CSV + b"sre,2\n", ETag='"v2"')
    assert [result.outcome for result in fetch({"name": "a", "url": url})] == ["fetched"]
    (tmp_path / "raw" / "a.csv").unlink()
    assert [result.outcome for result in fetch({"name": "a", "url": url})] == ["fetched"]
    assert "if-none-match" not in web.requests[-1][1]


def test_files_beside_the_list_and_in_s3_are_taken(fetch: Fetch, tmp_path: Path) -> None:
    folder = tmp_path / "list"
    folder.mkdir()
    (folder / "near.csv").write_bytes(CSV)
    (folder / "Other Name.csv").write_bytes(CSV)

    class S3:
        def get_object(self, **request: str) -> dict[str, Any]:
            assert request == {"Bucket": "bucket", "Key": "deep/key.csv"}
            return {"ContentLength": len(CSV), "Body": io.BytesIO(CSV), "ETag": '"e"'}

    results = fetch(
        {"name": "near", "url": "near.csv", "dest": "sub/near.csv"},
        {"name": "file", "url": f"file://{folder}/Other%20Name.csv"},
        {"name": "s3", "url": "s3://bucket/deep/key.csv"},
        {"name": "off", "url": "near.csv", "enabled": False},
        s3=S3(),
    )
    assert [result.outcome for result in results] == ["fetched", "fetched", "fetched", "disabled"]
    assert {path.name for path in (tmp_path / "raw").rglob("*.csv")} == {"near.csv", "file.csv", "s3.csv"}


def test_an_object_whose_connection_is_cut_fails_its_own_source_only(fetch: Fetch, tmp_path: Path) -> None:
    (tmp_path / "list").mkdir()
    (tmp_path / "list" / "near.csv").write_bytes(CSV)

    class Cut:
        def read(self, _size: int) -> bytes:
            raise ResponseStreamingError(error="Connection broken")

    class S3:
        def get_object(self, **_: str) -> dict[str, Any]:
            return {"ContentLength": len(CSV), "Body": Cut(), "ETag": '"e"'}

    results = fetch({"name": "s3", "url": "s3://bucket/key.csv"}, {"name": "near", "url": "near.csv"}, s3=S3())
    assert [result.outcome for result in results] == ["failed", "fetched"]


def _zip(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name.replace("__", "/").replace("_csv", ".csv"), body)
    return buffer.getvalue()


def test_packed_files_are_unpacked(web: Web, fetch: Fetch, tmp_path: Path) -> None:
    fetch(
        {"name": "gz", "url": web.serve("/1", gzip.compress(CSV))},
        {"name": "kept", "url": web.serve("/2", gzip.compress(CSV)), "dest": "kept.csv.gz"},
        {"name": "one", "url": web.serve("/3", _zip(x_csv=CSV, readme=b"hello"))},
        {"name": "two", "url": web.serve("/4", _zip(a__x_csv=CSV, b__x_csv=CSV))},
    )
    raw = tmp_path / "raw"
    assert (raw / "gz.csv").read_bytes() == (raw / "one.csv").read_bytes() == CSV
    assert gzip.decompress((raw / "kept.csv.gz").read_bytes()) == CSV
    assert sorted(path.name for path in (raw / "two").iterdir()) == ["000-x.csv", "001-x.csv"]
    fetch({"name": "two", "url": web.serve("/4", _zip(x_csv=CSV))})
    assert (raw / "two.csv").is_file()
    assert not (raw / "two").exists()


def test_each_broken_source_says_what_is_wrong_and_keeps_the_last_good_file(
    web: Web, fetch: Fetch, tmp_path: Path
) -> None:
    limits = Limits(allow_http=True, allow_private=True, transfer_bytes=10_000)
    unpacking = UnpackLimits(unpacked_bytes=100_000, ratio=50, ratio_from_bytes=1000, members=3)
    good = {"name": "x", "url": web.serve("/good.csv", CSV)}
    fetch(good)

    def failure(url: str, **more: Any) -> str:
        (result,) = fetch({"name": "x", "url": url, **more}, limits=limits, unpacking=unpacking)
        assert (result.outcome, result.kept) == ("failed", True)
        assert (tmp_path / "raw" / "x.csv").read_bytes() == CSV
        assert not (tmp_path / "tmp").exists()
        return result.detail

    assert failure(web.url("/missing")) == "the server answered 404 Not Found"
    assert failure(web.serve("/short", CSV, Content_Length="500")).startswith("cut short: 18 of 500 bytes")
    assert (
        failure(web.serve("/page", b"<!doctype html>", Content_Type="text/html"))
        == "the server answered text/html, not a CSV"
    )
    assert failure(web.serve("/html", b"\n <html>")) == "the file is HTML or XML, not a CSV"
    assert failure(web.serve("/empty", b"")) == "the file is empty"
    assert failure(web.serve("/json", b'{"error": "not found"}')) == "the file is JSON, not a CSV"
    assert failure(web.serve("/list", b'[{"role": "dev"}]')) == "the file is JSON, not a CSV"
    assert failure(web.serve("/head", b"role,salary\n\n")) == "the file holds no row below its header"
    assert failure(web.serve("/pdf", b"%PDF-1.7 ...")) == "the file is a PDF, not a CSV"
    assert failure(web.serve("/latin", "role\nJosé\n".encode("latin-1"))).startswith(
        "not utf-8: wrong byte near position 8"
    )
    assert failure(web.serve("/hash", CSV), sha256="0" * 64).startswith("wrong sha256")
    assert failure(web.serve("/big", b"x" * 10_001)) == "10,001 bytes announced; the limit is 10,000"
    assert failure(web.serve("/bomb", gzip.compress(b"0" * 90_000))) == "unpacks to more than 50 times its size"
    assert (
        failure(web.serve("/bomb2", gzip.compress(bytes(range(256)) * 500))) == "more than 100,000 bytes when unpacked"
    )
    assert failure(web.serve("/cut", gzip.compress(CSV)[:-9])).startswith("damaged archive")
    assert (
        failure(web.serve("/many", _zip(**{f"m{n}_csv": CSV for n in range(4)})))
        == "the archive has 4 members; the limit is 3"
    )
    assert failure(web.serve("/none", _zip(readme=CSV))) == "the archive holds no CSV file"
    assert failure("../../etc/passwd") == "the path leaves the folder of the source list"
    assert failure("file:///etc/passwd") == "the path leaves the folder of the source list"
    assert failure("no-such.csv").startswith("transfer failed: ")
    assert failure("http://127.0.0.1:1/x").startswith("transfer failed: ")
    assert failure("http://u:p@127.0.0.1/x").startswith("credentials in a URL refused")


def test_redirects_are_followed_and_looked_at_again(web: Web, fetch: Fetch) -> None:
    web.serve("/there", CSV)
    good = web.serve("/a", b"", 302, Location="/there")
    loop = web.serve("/loop", b"", 301, Location="/loop")
    odd = web.serve("/odd", b"", 302, Location="file:///etc/passwd")
    results = fetch({"name": "a", "url": good}, {"name": "b", "url": loop}, {"name": "c", "url": odd})
    assert [result.outcome for result in results] == ["fetched", "failed", "failed"]
    assert results[1].detail == "more than 5 redirects"
    assert results[2].detail == "redirect to 'file:///etc/passwd' refused"


def test_headers_of_the_list_do_not_travel_to_another_host(web: Web, fetch: Fetch) -> None:
    web.serve("/there", CSV)
    url = web.serve("/a", b"", 302, Location=web.url("/there", host="localhost"))
    fetch({"name": "a", "url": url, "headers": {"Authorization": "Bearer x"}})
    assert [request[1].get("authorization") for request in web.requests] == ["Bearer x", None]


def test_addresses_that_are_not_public_are_refused_unless_allowed(web: Web, fetch: Fetch) -> None:
    url = web.serve("/a.csv", CSV)
    (result,) = fetch({"name": "a", "url": url}, limits=Limits(allow_http=True))
    assert result.detail.startswith("127.0.0.1 is at 127.0.0.1, which is not a public address")
    (result,) = fetch({"name": "a", "url": url}, limits=Limits(allow_private=True))
    assert result.detail == "plain http refused; allow it with --allow-http"
    assert web.requests == []


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.0.1", "100.64.0.1", "0.0.0.1", "224.0.0.1", "::1", "fd00::1",
     "fe80::1%eth0", "::ffff:10.0.0.1", "2002:a9fe:a9fe::1"],
)  # fmt: skip
def test_private_link_local_and_mapped_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


def test_the_cloud_s_own_addresses_are_refused_even_when_private_ones_are_allowed(web: Web, fetch: Fetch) -> None:
    url = web.serve("/a", b"", 302, Location="http://169.254.169.254/latest/meta-data/")
    (result,) = fetch({"name": "a", "url": url})
    assert result.detail.startswith("169.254.169.254 is at 169.254.169.254, where clouds hand out credentials")
    for address in ("169.254.170.2", "fe80::1%eth0", "fd00:ec2::254", "::ffff:169.254.169.254"):
        assert is_link_local(address)
    assert not is_link_local("10.0.0.1")


def test_public_addresses_are_public() -> None:
    assert is_public("93.184.216.34")
    assert is_public("2606:2800:220:1::1")


# How an IPv4 address is written inside an IPv6 one, for its upper and its lower half.
EMBEDDED = {
    "compatible": "::{0:x}:{1:x}",
    "mapped": "::ffff:{0:x}:{1:x}",
    "translated": "::ffff:0:{0:x}:{1:x}",
    "NAT64": "64:ff9b::{0:x}:{1:x}",
    "6to4": "2002:{0:x}:{1:x}::1",
    "Teredo": "2001:0:4136:e378:8000:63bf:{2:x}:{3:x}",
}
LOCAL_NAT64 = {
    "/48": "64:ff9b:1:{0:x}:{h1:x}:{l1:x}00:5db8:d822",
    "/56": "64:ff9b:1:{h0:x}:{l0:x}:{1:x}:5db8:d822",
    "/64": "64:ff9b:1:0:{h0:x}:{l0:02x}{h1:02x}:{l1:02x}b8:d822",
    "/96": "64:ff9b:1::{0:x}:{1:x}",
}


def embedded(form: str, inside: str) -> str:
    high, low = divmod(int(ipaddress.IPv4Address(inside)), 1 << 16)
    octets = {"h0": high >> 8, "l0": high & 255, "h1": low >> 8, "l1": low & 255}
    return form.format(high, low, high ^ 0xFFFF, low ^ 0xFFFF, **octets)


@pytest.mark.parametrize("form", EMBEDDED)
def test_an_address_counts_as_the_one_inside_it(form: str) -> None:
    def inside(address: str) -> str:
        return embedded(EMBEDDED[form], address)

    assert is_public(inside("93.184.216.34"))
    assert not is_link_local(inside("93.184.216.34"))
    for private in ("127.0.0.1", "10.1.2.3", "192.168.0.1", "100.64.0.1", "224.0.0.1", "169.254.169.254"):
        assert not is_public(inside(private)), private
    assert is_link_local(inside("169.254.169.254"))


@pytest.mark.parametrize("form", LOCAL_NAT64)
def test_behind_a_network_s_own_nat64_every_place_counts(form: str) -> None:
    assert is_link_local(embedded(LOCAL_NAT64[form], "169.254.1.2"))
    assert not is_public(embedded(LOCAL_NAT64[form], "10.1.2.3"))
    assert not is_public(embedded(LOCAL_NAT64[form], "93.184.216.34"))


@pytest.mark.parametrize("address", ["fec0::1", "4000::1", "100::1", "2001:db8::1", "ff0e::1", "::", "::1"])
def test_what_is_no_global_unicast_address_is_not_public(address: str) -> None:
    assert not is_public(address)


def test_a_slow_source_is_given_up(web: Web, fetch: Fetch) -> None:
    ticks = iter(range(0, 100_000, 200))
    (result,) = fetch({"name": "a", "url": web.serve("/a", CSV)}, clock=lambda: float(next(ticks)),
                      limits=Limits(allow_http=True, allow_private=True, seconds=100))  # fmt: skip
    assert result.detail == "not done within 100 seconds"


def test_a_source_that_trickles_its_headers_is_cut_off(web: Web, fetch: Fetch) -> None:
    web.trickle("/slow", b"X-Filler: 1\r\n", pause_seconds=0.05)
    limits = Limits(allow_http=True, allow_private=True, seconds=0.5)
    (result,) = fetch({"name": "a", "url": web.url("/slow")}, limits=limits)
    assert result.detail == "not done within 0.5 seconds"


def test_a_destination_behind_a_link_is_refused(web: Web, fetch: Fetch, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "link").symlink_to(outside)
    (tmp_path / "raw" / "file.csv").symlink_to(outside / "file.csv")
    url = web.serve("/a", CSV)
    results = fetch({"name": "a", "url": url, "dest": "link/a.csv"}, {"name": "b", "url": url, "dest": "file.csv"})
    assert [result.outcome for result in results] == ["failed", "failed"]
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ({"url": "x"}, "needs a 'name'"),
        ({"name": "a/b", "url": "x"}, "needs a 'name'"),
        ({"name": "a"}, "needs a 'url'"),
        ({"name": "a", "url": "ftp://x/y"}, "uses 'ftp'"),
        ({"name": "a", "url": "x", "dest": "../a.csv"}, "must be a plain path under raw/"),
        ({"name": "a", "url": "x", "dest": "/a.csv"}, "must be a plain path under raw/"),
        ({"name": "a", "url": "x", "dest": "a\\..\\..\\b.csv"}, "must be a plain path under raw/"),
        ({"name": "a", "url": "x", "dest": ".hidden.csv"}, "must be a plain path under raw/"),
        ({"name": "a", "url": "x", "dest": "a.doc"}, "must end in one of .csv, .csv.gz, .tsv"),
        ({"name": "a", "url": "x", "ulr": "y"}, "unknown key 'ulr'"),
        ({"name": "a", "url": "x", "sha256": "abc"}, "64 hexadecimal digits"),
        ({"name": "a", "url": "x", "encoding": "ebcdic"}, "declares the encoding 'ebcdic'"),
        ({"name": "a", "url": "x", "headers": {"A": 1}}, "must map names to texts"),
    ],
)
def test_a_bad_entry_in_the_list_is_named(fetch: Fetch, source: dict[str, Any], complaint: str) -> None:
    with pytest.raises(IngestError, match=complaint):
        fetch(source)


def test_two_sources_never_share_a_name_or_a_file(fetch: Fetch) -> None:
    with pytest.raises(IngestError, match="the name 'a' twice"):
        fetch({"name": "a", "url": "x"}, {"name": "a", "url": "y", "dest": "b.csv"})
    with pytest.raises(IngestError, match=r"the dest 'a\.csv' twice"):
        fetch({"name": "a", "url": "x"}, {"name": "b", "url": "y", "dest": "a.csv"})


def test_the_command_fails_when_nothing_came_or_strictly_when_anything_failed(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "sources.json"
    (tmp_path / "good.csv").write_bytes(CSV)
    good, bad = {"name": "good", "url": "good.csv"}, {"name": "bad", "url": "bad.csv"}
    path.write_text(json.dumps({"sources": [good, bad]}))
    call_command("fetch_salary_sources", sources=path)
    out = capsys.readouterr().out
    assert "good  fetched" in out
    assert "bad   failed" in out
    with pytest.raises(CommandError, match=r"Not every source could be fetched \(bad\)"):
        call_command("fetch_salary_sources", sources=path, strict=True)
    path.write_text(json.dumps({"sources": [bad]}))
    with pytest.raises(CommandError, match="No source could be fetched"):
        call_command("fetch_salary_sources", sources=path)


def test_a_listed_hash_that_fits_is_accepted(web: Web, fetch: Fetch) -> None:
    digest = hashlib.sha256(CSV).hexdigest().upper()
    assert fetch({"name": "a", "url": web.serve("/a", CSV), "sha256": digest})[0].outcome == "fetched"
