"""What gets into an image, what stays here, and what nobody can have meant to ship."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

import pytest

from opsctl.config.application import Application
from opsctl.images.checkout.project import Project
from opsctl.images.checkout.sensitive import reason
from opsctl.images.errors import BuildError
from tests.unit.images.checkout.checkouts import git

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk=\n-----END OPENSSH PRIVATE KEY-----\n"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
DUMP = "--\n-- PostgreSQL database dump\n--\nCREATE TABLE a (b int);\n"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project in git, nothing of it committed."""
    folder = tmp_path / "project"
    write(folder, {"shop/manage.py": "print()\n"})
    git(folder, "init", "--quiet")
    return folder


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def project(root: Path, *allowed: str, **block: object) -> Project:
    return Project(root, Application.model_validate({"path": "shop", **block}), allowed)


def shipped(project: Project) -> set[str]:
    return {name for name, _ in project.files}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".env", "A=1"), ("conf/.env.production", "A=1"), (".envrc", "export A=1"), ("id_rsa", KEY),
        ("deploy_key", KEY),
        ("tls/server.pem", KEY), ("tls/empty.pem", ""), ("tls/server.key", KEY), ("store.p12", "x"), ("dump.sql", ""),
        ("shop_backup.sql", ""), ("backup-2026-11.sql", ""), ("all.sql.gz", ""),
        ("data.sql", DUMP + "COPY a FROM stdin;\n"), ("prod.env", "A=1"),
        ("db.sqlite3", ""), ("db", "SQLite format 3\0"), (".npmrc", "//registry/:_authToken=x"), (".pypirc", ""),
        (".netrc", ""), ("credentials.json", "{}"), ("gcp.json", '{"type": "service_account", "private_key": "x"}'),
        ("settings.py~", ""), (".settings.py.swp", ""), ("settings.py.bak", ""), (".aws/config", ""),
        (".envs/.production/.django", "A=1"), (".env-prod", "A=1"), (".env_production", "A=1"),
        (".env/production", "A=1"), ("conf/aws.ini", f"[default]\naws_secret_access_key = {'k/3' * 13}A\n"),
        ("conf.json", f'{{"aws_secret_access_key": "{"k/3" * 13}A"}}'),
        ("tls.yaml", "key: |\n" + indent(KEY, "  ")),
    ],
)  # fmt: skip
def test_a_tracked_file_that_looks_like_a_secret_is_refused_until_it_is_allowed(
    root: Path, name: str, text: str
) -> None:
    write(root / "shop", {name: text})
    git(root, "add", "--force", ".")
    with pytest.raises(BuildError) as refused:
        project(root).shipment.check()
    assert name in refused.value.message
    assert "--allow-file" in refused.value.hint
    for found in (
        project(root, name),
        project(root, f"shop/{name}"),
        project(root, f"./shop/{name}"),
        project(root, include=(name,)),
    ):
        found.shipment.check()
        assert name in shipped(found)
    left_out = project(root, exclude=(name,))
    left_out.shipment.check()
    assert name not in shipped(left_out)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("aws.ini", "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n"),
        ("aws.yaml", "aws_secret_access_key: ${AWS_SECRET_ACCESS_KEY}\n"), (".env.example", "A="),
        ("ca.pem", CERTIFICATE), ("ca.crt", CERTIFICATE), ("id_rsa.pub", "ssh-rsa AAAA"),
        (".npmrc", "save-exact=true\n"), ("schema.sql", DUMP), ("package.json", '{"type": "module"}'),
        ("test_keys.py", f'KEY = """\\\n{KEY}"""\n'), ("notes.md", KEY), ("environ.py", ""), ("dumps.py", ""),
        ("backup.py", ""), (".envs/.local/.django", "A=1"), ("locale/de.po", ""), ("example.env", "A="),
        ("seed.sql", "INSERT INTO a VALUES (1);"),
    ],
)  # fmt: skip
def test_what_only_resembles_one_is_shipped(root: Path, name: str, text: str) -> None:
    write(root / "shop", {name: text})
    git(root, "add", "--force", ".")
    project(root).shipment.check()
    assert name in shipped(project(root))


def test_an_included_folder_is_looked_through(root: Path) -> None:
    write(root, {".gitignore": "built/\n", "shop/built/app.css": "", "shop/built/.env": "A=1"})
    git(root, "add", ".")
    with pytest.raises(BuildError, match=r"built/\.env holds variables"):
        project(root, include=("built",)).shipment.check()


def test_what_git_does_not_track_stays_here_whatever_it_is(root: Path) -> None:
    git(root, "add", ".")
    write(root / "shop", {".env": "A=1", "new.py": "", "dump.sql": "", "settings.py~": ""})
    assert shipped(project(root)) == {"manage.py"}
    project(root).shipment.check()
    assert project(root).untracked == ["new.py"]


@pytest.mark.parametrize("in_git", [True, False])
def test_where_git_tracks_nothing_secrets_stay_here_and_are_named(tmp_path: Path, in_git: bool) -> None:
    write(tmp_path / "shop", {
        "manage.py": "", ".env": "A=1", "conf/prod.json": '{"type": "service_account", "private_key": 1}',
        "venv/pyvenv.cfg": "", "venv/lib/a.py": "", "a.pyc": "",
    })  # fmt: skip
    if in_git:
        git(tmp_path, "init", "--quiet")
        write(tmp_path, {".gitignore": "venv\n"})
    found = project(tmp_path)
    found.shipment.check()
    assert not found.is_vouched_for
    assert shipped(found) == {"manage.py"}
    assert set(found.shipment.kept) == {".env", "conf/prod.json"}
    assert shipped(project(tmp_path, "shop/.env")) == {"manage.py", ".env"}


def test_what_lies_out_of_the_repository_is_refused_by_whatever_link_it_is_reached(root: Path, tmp_path: Path) -> None:
    write(tmp_path / "elsewhere", {"a.txt": "secret"})
    write(root / "shop", {"data/a.txt": "a"})
    git(root, "add", ".")
    (root / "shop/data/a.txt").unlink()
    (root / "shop/data").rmdir()
    (root / "shop/data").symlink_to(tmp_path / "elsewhere")  # git has a file there, of a folder that is none any more
    with pytest.raises(BuildError, match=r"data/a.txt lies out of the repository"):
        project(root).shipment.check()
    with pytest.raises(BuildError, match=r"data/a.txt lies out of the repository"):
        project(root, include=("data",)).shipment.check()
    project(root, "data/a.txt").shipment.check()


def test_a_project_that_is_itself_a_link_is_shipped(root: Path, tmp_path: Path) -> None:
    git(root, "add", ".")
    other = tmp_path / "other"
    other.mkdir()
    (other / "shop").symlink_to(root / "shop")
    found = project(other)
    found.shipment.check()
    assert shipped(found) == {"manage.py"}


def test_a_link_to_a_folder_that_git_ignores_is_refused(root: Path) -> None:
    write(root, {".gitignore": "/private/\n", "private/tokens.txt": "t0ken"})
    (root / "shop" / "notes").symlink_to("../private")
    git(root, "add", ".")
    with pytest.raises(BuildError, match="notes is a link to private, of which git tracks nothing"):
        project(root).shipment.check()
    project(root, "notes").shipment.check()
    project(root, exclude=("notes",)).shipment.check()


def test_a_link_inside_the_repository_is_shipped_as_what_it_leads_to(root: Path) -> None:
    write(root, {"shared/a.css": "a", "shared/deep/b.css": "b", "README.md": "read"})
    (root / "shop" / "shared").symlink_to("../shared")
    (root / "shop" / "README.md").symlink_to("../README.md")
    git(root, "add", ".")
    write(root, {"shared/new.css": "new"})
    found = project(root)
    found.shipment.check()
    assert shipped(found) == {"manage.py", "README.md", "shared/a.css", "shared/deep/b.css"}
    assert not any(path.is_symlink() for _, path in found.files)
    git(root, "commit", "--quiet", "--message=one")
    (root / "shared" / "new.css").unlink()
    assert not project(root).version.dirty
    write(root, {"shared/a.css": "other"})
    assert project(root).version.dirty


@pytest.mark.parametrize(
    ("leads", "why"),
    [
        ("/etc/hostname", "leads out of the repository, to /etc/hostname"),
        ("../../outside", "leads out of the repository"),
        ("../.git/config", "leads out of the repository"),
        ("../ignored.txt", "which git does not track"),
        ("nowhere", "leads nowhere"),
        ("../shared/.env", "holds variables of an environment"),
    ],
)
def test_a_link_that_leads_to_what_is_no_part_of_the_commit_is_refused(
    root: Path, tmp_path: Path, leads: str, why: str
) -> None:
    write(tmp_path, {"outside": "secret"})
    write(root, {".gitignore": "ignored.txt\n", "ignored.txt": "secret", "shared/.env": "A=1"})
    (root / "shop" / "link").symlink_to(leads)
    git(root, "add", ".")
    with pytest.raises(BuildError, match=why):
        project(root).shipment.check()
    project(root, "link").shipment.check()


def test_a_link_to_the_folder_itself_ends(root: Path) -> None:
    (root / "shop" / "me").symlink_to(".")
    (root / "shop" / "up").symlink_to("..")
    git(root, "add", ".")
    assert {name for name in shipped(project(root)) if not name.startswith("up/")} == {"manage.py"}


def test_files_of_a_submodule_are_shipped_and_one_that_is_not_checked_out_is_told(root: Path, tmp_path: Path) -> None:
    write(tmp_path / "kit", {"kit.py": "one"})
    git(tmp_path / "kit", "init", "--quiet")
    git(tmp_path / "kit", "add", ".")
    git(tmp_path / "kit", "commit", "--quiet", "--message=kit")
    git(root, "add", ".")
    git(root, "submodule", "add", "--quiet", str(tmp_path / "kit"), "shop/kit")
    git(root, "commit", "--quiet", "--message=one")
    assert shipped(project(root)) == {"manage.py", "kit/kit.py"}
    project(root).shipment.check()
    git(root, "submodule", "deinit", "--quiet", "--force", "shop/kit")
    with pytest.raises(BuildError, match="kit is a submodule that is not checked out"):
        project(root).shipment.check()


def test_what_git_lfs_left_in_place_of_a_file_is_told(root: Path) -> None:
    write(root, {"shop/static/hero.png": POINTER})
    git(root, "add", ".")
    with pytest.raises(BuildError, match=r"hero\.png is what Git LFS left .*git lfs pull"):
        project(root).shipment.check()


def test_a_long_list_is_told_in_part_and_in_full_as_detail(root: Path) -> None:
    write(root / "shop", {f"{number}.pem": KEY for number in range(9)})
    git(root, "add", ".")
    with pytest.raises(BuildError, match="and 3 more") as refused:
        project(root).shipment.check()
    assert len(refused.value.detail) == 3


def test_a_file_that_can_not_be_read_is_judged_by_its_name(tmp_path: Path) -> None:
    assert reason("plain.txt", tmp_path / "missing") == ""
    assert reason(".env", tmp_path / "missing")
