"""A bill of materials says what the topmost layers hold."""

from __future__ import annotations

from pathlib import Path

from opsctl.images.oci.layers import Entry, write_layer
from opsctl.images.oci.sbom import bill
from opsctl.images.oci.store import ImageStore
from tests.functional.images.samples import manifest

DPKG = b"""Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.41-12+deb13u1

Package: gone
Status: deinstall ok config-files
Version: 1
"""


def components(folder: Path, *layers: list[Entry]) -> dict[str, str]:
    store = ImageStore(folder)
    made = manifest(store, [write_layer(store, each) for each in layers], "amd64")
    found = bill(store, made, "salaries:v1")
    assert found == bill(store, made, "salaries:v1"), "the same image has the same bill"
    assert found["metadata"]["component"]["purl"] == f"pkg:oci/salaries@sha256%3A{made.digest[7:]}?tag=v1"
    return {each["name"]: each["purl"] for each in found["components"]}


def metadata(name: str, version: str, place: str = "venv/lib/python3.13/site-packages") -> Entry:
    text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nLong text.\n"
    return Entry(f"{place}/{name}-{version}.dist-info/METADATA", data=text.encode())


def test_it_names_python_debian_and_browser_packages(tmp_path: Path) -> None:
    chart = Entry("app/salaries/static/salaries/vendor/chart.umd.js", data=b"/*!\n * Chart.js v4.5.1\n */")
    release = Entry("usr/lib/os-release", data=b'ID=debian\nVERSION_ID="13"\n')
    found = components(
        tmp_path,
        [release, Entry("var/lib/dpkg/status", data=DPKG)],
        [metadata("Typing_Extensions", "4.15.0"), chart],
    )
    assert found == {
        "libc6": "pkg:deb/debian/libc6@2.41-12%2Bdeb13u1?arch=amd64&distro=debian-13",
        "Typing_Extensions": "pkg:pypi/typing-extensions@4.15.0",
        "chart.js": "pkg:npm/chart.js@4.5.1",
    }


def test_what_an_upper_layer_removes_is_not_named(tmp_path: Path) -> None:
    place = "usr/local/lib/python3.13/site-packages"
    found = components(
        tmp_path,
        [metadata("pip", "25.3", place), metadata("kept", "1", place)],
        [Entry(f"{place}/.wh.pip-25.3.dist-info", data=b"")],
    )
    assert set(found) == {"kept"}
