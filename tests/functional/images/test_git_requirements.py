"""Packages that a project takes from a commit of a Git repository: locked, built, in the image and on this machine."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

from opsctl.config.application import Application
from opsctl.config.pinned import PinnedRequirement, UnpinnedError
from opsctl.images.build.native import NativeBuilder
from opsctl.images.checkout.project import Project
from opsctl.images.errors import BuildError
from opsctl.images.names import ImageName
from opsctl.images.oci.layers import entries_of, write_layer
from opsctl.images.oci.store import ImageStore
from opsctl.images.python.commits import CommitBuilder, _not_fetched
from opsctl.images.python.lock import LOCK_NAME, Locked, read_lock
from opsctl.images.python.virtualenv import make_environment
from opsctl.images.python.wheels import locked_wheels, unpack
from opsctl.images.workshop import open_repository
from tests.functional.images.repositories import GitRepository, new_repository, package

PYTHON = "3.11"  # opsctl's own is always there


@pytest.fixture(autouse=True)
def _index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A package index of one package, `cashkit`, and nothing else."""
    index = tmp_path / "index"
    index.mkdir()
    _plain_wheel(index / "cashkit-2.0-py3-none-any.whl", "cashkit", "2.0")
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(index))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")


@pytest.fixture
def shopkit(tmp_path: Path) -> GitRepository:
    return new_repository(tmp_path / "shopkit")


def _plain_wheel(path: Path, name: str, version: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(
            f"{name}-{version}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        archive.writestr(f"{name}-{version}.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{name}-{version}.dist-info/RECORD", "")


def project(folder: Path, requirements: str = "", **application: object) -> Project:
    folder.mkdir(exist_ok=True)
    if requirements:
        (folder / "requirements.txt").write_text(requirements)
    return Project(folder, Application.model_validate({"python": PYTHON, **application}))


def lock(made: Project) -> Locked:
    return read_lock(made, frozen=False, tell=lambda _: None)


def body(locked: Locked) -> str:
    return locked.text.partition("\n\n")[2]


def builder(made: Project) -> CommitBuilder:
    return CommitBuilder(made, PYTHON, lambda _: None)


def refused(made: Project, wanted: PinnedRequirement) -> BuildError:
    with pytest.raises(BuildError) as caught:
        builder(made).wheel(wanted)
    assert not list((made.cache / "commits").glob("*"))
    return caught.value


@pytest.mark.parametrize(
    ("requirements", "base", "add"),
    [
        ("shopkit[cash] @ PLACE  # ours\n", "", ()),
        ("-r base.txt\n", "PLACE#egg=shopkit[cash]\n", ()),
        ("", "", ("shopkit[cash] @ PLACE",)),
    ],
)
def test_it_is_locked_as_one_line_and_what_it_needs_with_hashes(
    tmp_path: Path, shopkit: GitRepository, requirements: str, base: str, add: tuple[str, ...]
) -> None:
    """The name, the extra and what it brings are learnt from the wheel: uv runs nothing of the repository."""
    commit = shopkit.commit(package(needs="Provides-Extra: cash\nRequires-Dist: cashkit ; extra == 'cash'"))
    place = f"git+{shopkit.url}@{commit}"
    made = project(
        tmp_path / "project",
        requirements.replace("PLACE", place),
        add=tuple(each.replace("PLACE", place) for each in add),
    )
    (made.root / "base.txt").write_text(base.replace("PLACE", place))
    cashkit, hashed, at_commit = body(lock(made)).splitlines()
    assert cashkit == "cashkit==2.0 \\"
    assert hashed.startswith("    --hash=sha256:")
    assert at_commit == f"shopkit @ {place}"


def test_its_marker_is_kept_and_counts(tmp_path: Path, shopkit: GitRepository) -> None:
    place = f"git+{shopkit.url}@{shopkit.commit(package())}"
    made = project(tmp_path / "project", f"cashkit\nshopkit @ {place} ; sys_platform == 'darwin'\n")
    found = lock(made)
    assert body(found).endswith(f"\nshopkit @ {place} ; sys_platform == 'darwin'\n")
    native = NativeBuilder(made, found, ImageStore(tmp_path), made.cache, ImageName.parse("python"), open_repository)
    assert [each.name for each in native._wheels("linux/amd64", PYTHON)] == ["cashkit-2.0-py3-none-any.whl"]


def test_pyproject_and_uv_lock_name_it_too(tmp_path: Path, shopkit: GitRepository) -> None:
    commit = shopkit.commit(package())
    head = f'[project]\nname = "shop"\nversion = "1"\nrequires-python = ">={PYTHON}"\ndependencies = ["shopkit"]\n'
    source = f'[tool.uv.sources]\nshopkit = {{git = "{shopkit.url}", rev = "{commit}"}}\n'
    made = project(tmp_path / "project")
    (made.root / "pyproject.toml").write_text(head + source)
    assert body(lock(made)) == f"shopkit @ git+{shopkit.url}@{commit}\n"
    (made.root / "uv.lock").write_text(
        f'version = 1\nrevision = 3\nrequires-python = ">={PYTHON}"\n\n'
        f'[[package]]\nname = "shop"\nversion = "1"\nsource = {{ virtual = "." }}\n'
        f'dependencies = [{{ name = "shopkit" }}]\n\n'
        f'[[package]]\nname = "shopkit"\nversion = "1.0"\nsource = {{ git = "{shopkit.url}?rev={commit}#{commit}" }}\n'
    )
    assert body(lock(made)) == f"shopkit @ git+{shopkit.url}@{commit}\n"


@pytest.mark.parametrize(("ref", "reason"), [("@main", "a branch or tag can move"), ("", "its default branch")])
def test_a_name_is_refused_before_anything_is_fetched(
    tmp_path: Path, shopkit: GitRepository, ref: str, reason: str
) -> None:
    shopkit.commit(package(first='raise SystemExit("ran")'))
    made = project(tmp_path / "project", f"shopkit @ git+{shopkit.url}{ref}\n")
    with pytest.raises(UnpinnedError, match=reason):
        lock(made)
    assert not (made.root / LOCK_NAME).exists()
    assert not made.cache.exists()


def test_a_lock_that_somebody_changed_to_a_branch_is_refused(tmp_path: Path, shopkit: GitRepository) -> None:
    commit = shopkit.commit(package())
    made = project(tmp_path / "project", f"shopkit @ git+{shopkit.url}@{commit}\n")
    found = lock(made)
    found.path.write_text(found.text.replace(f"@{commit}", "@main"))
    with pytest.raises(UnpinnedError, match="at main, and a branch or tag can move"):
        make_environment(made, read_lock(made, frozen=True, tell=lambda _: None), tmp_path / "env", lambda _: None)


def test_what_a_package_itself_requires_from_git_has_to_be_required_here(
    tmp_path: Path, shopkit: GitRepository
) -> None:
    inner = new_repository(tmp_path / "inner")
    commit = inner.commit(package(wheel="inner-1.0-py3-none-any.whl"))
    place = f"git+{inner.url}@{commit}"
    outer = shopkit.commit(package(needs=f"Requires-Dist: inner @ {place}"))
    with pytest.raises(BuildError, match="inner comes as source alone") as caught:
        lock(project(tmp_path / "one", f"shopkit @ git+{shopkit.url}@{outer}\n"))
    assert "require `inner @ git+…@COMMIT` yourself" in caught.value.hint
    made = project(tmp_path / "two", f"shopkit @ git+{shopkit.url}@{outer}\ninner @ {place}\n")
    assert body(lock(made)) == f"inner @ {place}\nshopkit @ git+{shopkit.url}@{outer}\n"


def test_two_builds_make_one_layer_beside_what_has_hashes(tmp_path: Path, shopkit: GitRepository) -> None:
    commit = shopkit.commit(package())
    layers = []
    for name in ("one", "two"):
        made = project(tmp_path / name, f"shopkit @ git+{shopkit.url}@{commit}\ncashkit\n")
        store, site = ImageStore(tmp_path / f"{name}-store"), tmp_path / f"{name}-site"
        native = NativeBuilder(
            made, lock(made), store, made.cache, ImageName.parse("python:3.11-slim"), open_repository
        )
        unpack(native._wheels("linux/amd64", PYTHON), site)
        assert {each.name for each in site.glob("*.py")} == {"cashkit.py", "shopkit.py"}
        layers.append(write_layer(store, entries_of(site, "venv")).descriptor.digest)
    assert layers[0] == layers[1]


def test_a_hash_that_is_not_the_locks_is_still_refused(tmp_path: Path, shopkit: GitRepository) -> None:
    commit = shopkit.commit(package())
    made = project(tmp_path / "project", f"shopkit @ git+{shopkit.url}@{commit}\ncashkit\n")
    found = lock(made)
    for wheel in locked_wheels(found.path, made.cache, "linux/amd64", PYTHON):
        wheel.write_bytes(b"another")
    with pytest.raises(BuildError, match=r"not those that .* locks: cashkit-2\.0"):
        locked_wheels(found.path, made.cache, "linux/amd64", PYTHON)


def test_it_is_built_once_and_kept_by_its_commit(tmp_path: Path, shopkit: GitRepository) -> None:
    first = shopkit.commit(package())
    second = shopkit.commit({"more.txt": ""})
    told: list[str] = []
    build = CommitBuilder(project(tmp_path / "project"), PYTHON, told.append).wheel
    for commit in (first, second, first):
        build(PinnedRequirement("shopkit", shopkit.url, commit))
    assert told == [f"building shopkit from its commit {commit[:12]}" for commit in (first, second)]


def test_its_backend_sees_no_value_of_the_environment(
    tmp_path: Path, shopkit: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of an environment")
    monkeypatch.setenv("TOKEN", "of an environment")
    seen = ("AWS_SECRET_ACCESS_KEY", "TOKEN", "DATABASE_URL", "PATH")
    commit = shopkit.commit(package(seen=seen))
    made = project(tmp_path / "project", secrets=["TOKEN"], environment={"DATABASE_URL": "${database.url}"})
    wheel = builder(made).wheel(PinnedRequirement("shopkit", shopkit.url, commit))
    with zipfile.ZipFile(wheel) as archive:
        told = archive.read("shopkit.py").decode()
    assert "of an environment" not in told
    assert "'AWS_SECRET_ACCESS_KEY': None" in told
    assert f"'TOKEN': '{'x' * 64}', 'DATABASE_URL': 'postgres://build@localhost/build'" in told


def test_processes_of_this_machine_import_it(tmp_path: Path, shopkit: GitRepository) -> None:
    commit = shopkit.commit(package("lib/"))
    place = f"git+{shopkit.url}@{commit}#subdirectory=lib"
    elsewhere = f"nowhere @ git+{shopkit.url}@{'0' * 40} ; sys_platform == 'win32'\n"
    for name, more in (("one", ""), ("two", "cashkit\n")):
        made = project(tmp_path / name, f"shopkit @ {place}\n{more}")
        found = lock(made)
        found = Locked(found.path, found.text + elsewhere, found.python)
        python = make_environment(made, found, made.root / "environments", lambda _: None)
        code = "import shopkit" + (", cashkit" if more else "")
        assert subprocess.run([python, "-c", code], check=False, capture_output=True).returncode == 0


def test_what_can_not_be_built_is_told_in_one_sentence(tmp_path: Path, shopkit: GitRepository) -> None:
    made = project(tmp_path / "project")

    def at(commit: str, subdirectory: str = "") -> PinnedRequirement:
        return PinnedRequirement("shopkit", shopkit.url, commit, subdirectory)

    nothing = shopkit.commit({"README": "a library\n"})
    assert "has neither pyproject.toml nor setup.py in its top folder" in refused(made, at(nothing)).message
    (shopkit.folder / "out").symlink_to(new_repository(tmp_path / "other").folder)
    (tmp_path / "other" / "setup.py").touch()
    assert "#subdirectory=FOLDER" in refused(made, at(shopkit.commit({}), subdirectory="out")).hint
    compiled = refused(made, at(shopkit.commit(package(wheel="shopkit-1.0-cp311-cp311-linux_x86_64.whl"))))
    assert "shopkit compiles at its commit (shopkit-1.0-cp311-cp311-linux_x86_64.whl)" in compiled.message
    assert "Dockerfile" in compiled.hint
    other = refused(made, at(shopkit.commit(package(wheel="tillkit-1.0-py3-none-any.whl"))))
    assert other.message == "shopkit is required from Git, and what stands there is tillkit."
    broken = refused(made, at(shopkit.commit(package(first='raise RuntimeError("no luck")'))))
    assert broken.message.startswith("shopkit can't be built from its commit ")
    assert any("no luck" in line for line in broken.detail)


def test_what_can_not_be_fetched_is_told_in_one_sentence(tmp_path: Path, shopkit: GitRepository) -> None:
    made = project(tmp_path / "project")
    commit = shopkit.commit(package())
    missing = refused(made, PinnedRequirement("shopkit", shopkit.url, "0" * 39 + "1"))
    assert missing.message == f"{shopkit.url} has no commit {'0' * 39}1, at which shopkit is required."
    gone = refused(made, PinnedRequirement("shopkit", f"{shopkit.url}-gone", commit))
    assert gone.message.startswith(f"The Git repository of shopkit, {shopkit.url}-gone, can't be read: ")
    nobody = refused(made, PinnedRequirement("shopkit", "https://127.0.0.1:1/shopkit", commit))
    assert "https://127.0.0.1:1/shopkit, can't be read: unable to access" in nobody.message


def test_submodules_are_told(tmp_path: Path, shopkit: GitRepository) -> None:
    inner = new_repository(tmp_path / "inner")
    inner.commit({"a.txt": ""})
    shopkit.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner.url, "vendor/inner")
    found = refused(project(tmp_path / "project"), PinnedRequirement("shopkit", shopkit.url, shopkit.commit(package())))
    assert found.message == "shopkit has submodules (vendor/inner), and its commit holds nothing of them."


def test_what_a_machine_puts_into_an_address_is_not_told() -> None:
    """`url.https://USER:PASSWORD@….insteadOf`, where a git tells it."""
    wanted = PinnedRequirement("shopkit", "https://git.example.org/shopkit", "0" * 40)
    found = _not_fetched(wanted, "fatal: unable to access 'https://me:hunter2@git.example.org/shopkit/': no route\n")
    assert found.message.endswith("can't be read: unable to access 'https://git.example.org/shopkit/': no route")
    assert "hunter2" not in f"{found.hint}{found.detail}"
