"""What is written where, and that nothing of the project's own is touched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from opsctl.config.schema import SCHEMA_FILE, schema_text
from opsctl.errors import OpsctlError
from opsctl.images.build.commands import COLLECT
from opsctl.project.decisions import Decisions
from opsctl.project.initialise import FILE, initialise
from opsctl.project.propose import propose
from opsctl.project.yaml_text import scalar
from tests.unit.project.trees import COMPLETE, django, environment, init, shop, write


def test_the_file_names_its_schema_which_is_beside_it(tmp_path: Path) -> None:
    done = init(tmp_path, shop())
    assert done.text.splitlines()[0] == "# yaml-language-server: $schema=environments.schema.json"
    assert (tmp_path / SCHEMA_FILE).read_text(encoding="utf-8") == schema_text()


def test_the_schema_is_committed_so_that_editors_of_a_clone_find_it(tmp_path: Path) -> None:
    write(tmp_path, shop())
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (add,) = [step for step in initialise(tmp_path).next_steps if step.startswith("git add ")]
    assert add == f"git add {FILE} {SCHEMA_FILE} .gitignore"
    subprocess.run(add.split(), cwd=tmp_path, check=True)


def test_without_a_repository_nothing_is_to_be_added_to_one(tmp_path: Path) -> None:
    write(tmp_path, shop())
    assert [step for step in initialise(tmp_path).next_steps if "git" in step] == []


@pytest.mark.parametrize(
    ("files", "step"),
    [
        ({".env": "A_TOKEN=x\n"}, ["opsctl secret set --from-file .env --env local"]),
        ({"app/.env": "A_TOKEN=x\n"}, ["opsctl secret set --from-file app/.env --env local"]),
        ({".env.example": "A_TOKEN=x\n"}, []),
    ],
)
def test_secrets_are_taken_from_a_dotenv_file_only_where_there_is_one(
    tmp_path: Path, files: dict[str, str], step: list[str]
) -> None:
    project = {f"app/{name}": text for name, text in shop('X = env("A_TOKEN")\n').items()}
    steps = init(tmp_path, {**project, **files}).said.next_steps
    assert [each for each in steps if "secret set" in each] == step


def test_an_editor_with_the_schema_finds_nothing_to_underline(tmp_path: Path) -> None:
    files = {**shop('X = env("A_TOKEN")\nAWS_STORAGE_BUCKET_NAME = env("UPLOADS")\n'), "requirements.txt": "django\n"}
    files["Procfile"] = "web: gunicorn shop.wsgi --workers 3\nrelease: python manage.py migrate\nbeat: celery beat\n"
    files["app.json"] = '{"cron": [{"command": "python manage.py x", "schedule": "0 0 * * *"}]}'
    done = init(tmp_path, files)
    assert all(part in done.text for part in ("secrets:", "release:", "workers:", "jobs:", "buckets:", "add:"))
    jsonschema.validate(yaml.safe_load(done.text), json.loads((tmp_path / SCHEMA_FILE).read_text(encoding="utf-8")))


def test_three_environments_are_there_and_local_is_meant(tmp_path: Path) -> None:
    done = init(tmp_path, shop())
    loaded = done.loaded
    assert "    egress: all\n" in done.text
    assert list(loaded.environments) == ["local", "dev", "prd"]
    assert loaded.default == "local"
    dev, prd = loaded.environments["dev"], loaded.environments["prd"]
    assert (dev.nat.use_nat_instance, dev.rds.instance_class, dev.application.web.count) == (
        True,
        "db.t4g.micro",
        (1, 1),
    )
    assert (prd.rds.multi_az, prd.vpc.nat_gateways, prd.security.termination_protection) == (True, 2, True)
    for env in loaded.environments.values():
        assert env.application.database.owner
        assert env.application.database.auth is None


def test_service_and_client_come_from_gits_remote_without_its_password(tmp_path: Path) -> None:
    config = '[remote "origin"]\n\turl = https://me:hunter2@git.example.com/group/Acme_Ltd/Web.Shop.git\n'
    done = init(tmp_path, {**shop(), ".git/config": config})
    assert (done.env.service, done.env.client) == ("web-shop", "acme-ltd")
    assert "client acme-ltd (from git's remote)" in done.said.assumed
    assert "hunter2" not in done.text + json.dumps(done.said.to_dict())


@pytest.mark.parametrize(
    "url", ["git@github.com:acme/shop.git", "ssh://git@github.com:22/acme/shop", "https://github.com/acme/shop/"]
)
def test_every_form_of_an_address_is_understood(tmp_path: Path, url: str) -> None:
    done = init(tmp_path, {**shop(), ".git/config": f'[remote "origin"]\n\turl = {url}\n'})
    assert (done.env.service, done.env.client) == ("shop", "acme")


@pytest.mark.parametrize("name", ["1", "9-lives", "Ünïcode", "a" * 80, "postgres", "--", "my__shop"])
def test_any_folder_name_becomes_a_valid_service(tmp_path: Path, name: str) -> None:
    root = tmp_path / name
    root.mkdir()
    assert init(root, shop()).env.client == "team"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, b".opsctl/\n__pycache__/\n"),
        (b"", b".opsctl/\n"),
        (b"*.pyc\n", b"*.pyc\n.opsctl/\n"),
        (b"*.pyc", b"*.pyc\n.opsctl/\n"),
        (b"*.pyc\r\n", b"*.pyc\r\n.opsctl/\r\n"),
        (b"\xff\xfe no text", b"\xff\xfe no text\n.opsctl/\n"),
        (b"# .opsctl/\n", b"# .opsctl/\n.opsctl/\n"),
        (b"/.opsctl/  \n", b"/.opsctl/  \n"),
        (b".opsctl\n", b".opsctl\n"),
    ],
)
def test_git_ignores_opsctls_folder_and_what_it_ignored(tmp_path: Path, before: bytes | None, after: bytes) -> None:
    if before is not None:
        (tmp_path / ".gitignore").write_bytes(before)
    done = init(tmp_path, shop())
    assert (tmp_path / ".gitignore").read_bytes() == after
    assert (".gitignore" in done.said.written) == (before != after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, ".opsctl/\n__pycache__/\n.venv/\nenv/\n"),
        (".venv\n", ".venv\n.opsctl/\nenv/\n"),
        ("/env/\n.opsctl/\n", "/env/\n.opsctl/\n.venv/\n"),
        (".opsctl/\n.venv/\nenv/\n", ".opsctl/\n.venv/\nenv/\n"),
    ],
)
def test_git_ignores_the_virtual_environments_that_lie_there(tmp_path: Path, before: str | None, after: str) -> None:
    for name in ("env", ".venv", "ignores_itself"):  # as Python 3.13 makes them
        (tmp_path / name).mkdir()
        (tmp_path / name / "pyvenv.cfg").write_text("home = /usr/bin\n", encoding="utf-8")
    (tmp_path / "ignores_itself" / ".gitignore").write_text("*\n", encoding="utf-8")
    if before is not None:
        (tmp_path / ".gitignore").write_text(before, encoding="utf-8")
    done = init(tmp_path, shop())
    assert (tmp_path / ".gitignore").read_text(encoding="utf-8") == after
    assert (".gitignore" in done.said.written) == (before != after)


def test_a_gitignore_that_is_a_link_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("x\n", encoding="utf-8")
    root = write(tmp_path / "shop", shop())
    (root / ".gitignore").symlink_to(other)
    done = init(root, {})
    assert other.read_text(encoding="utf-8") == "x\n"
    assert any("left alone" in line for line in done.said.warnings)


def test_only_what_is_said_was_written_and_nothing_is_left_over(tmp_path: Path) -> None:
    write(tmp_path, shop())
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    said = initialise(tmp_path)
    after = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert {path.relative_to(tmp_path).as_posix() for path in after - before} == set(said.written)
    assert said.written == (FILE, SCHEMA_FILE, ".gitignore")


def test_written_files_have_the_rights_of_any_new_file(tmp_path: Path) -> None:
    write(tmp_path, shop())
    mask = os.umask(0o027)
    try:
        initialise(tmp_path)
    finally:
        os.umask(mask)
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o640


def test_a_dangling_link_in_the_files_place_counts_as_there(tmp_path: Path) -> None:
    write(tmp_path, shop())
    (tmp_path / FILE).symlink_to("nowhere")
    assert initialise(tmp_path).already


def test_a_file_that_appears_meanwhile_is_not_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, shop())

    def slowly(made: Decisions) -> str:
        (tmp_path / FILE).write_text("mine\n", encoding="utf-8")
        return propose(made)

    monkeypatch.setattr("opsctl.project.initialise.propose", slowly)
    with pytest.raises(OpsctlError, match="appeared"):
        initialise(tmp_path)
    assert (tmp_path / FILE).read_text(encoding="utf-8") == "mine\n"


def test_a_folder_that_takes_no_files_is_said(tmp_path: Path) -> None:
    write(tmp_path, shop())
    (tmp_path / SCHEMA_FILE).mkdir()
    with pytest.raises(OpsctlError, match="can't be written"):
        initialise(tmp_path)
    assert not (tmp_path / FILE).exists()


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OpsctlError, match="is not a folder"):
        initialise(tmp_path / "nowhere")


def test_the_result_is_plain_data(tmp_path: Path) -> None:
    said = init(tmp_path, shop()).said.to_dict()
    assert json.loads(json.dumps(said)) == said
    assert said["written"] == [FILE, SCHEMA_FILE, ".gitignore"]
    assert "opsctl deploy --env local" in said["next_steps"]


def test_nothing_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    init(tmp_path, shop('import warnings\nX = "\\d"\nprint("run me")\n'))
    assert capsys.readouterr() == ("", "")


def test_the_projects_code_is_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    code = f'open({str(mark)!r}, "w").close()\n'
    files = {**shop(code), "shop/__init__.py": code, "setup.py": code, "conftest.py": code}
    init(tmp_path / "shop", files)
    assert not mark.exists()


def test_a_dockerfile_is_written_and_used(tmp_path: Path) -> None:
    done = init(tmp_path, shop(), dockerfile=True)
    text = (tmp_path / "Dockerfile").read_text(encoding="utf-8")
    assert done.env.application.dockerfile == "Dockerfile"
    assert {"Dockerfile", ".dockerignore"} <= set(done.said.written)
    assert text.count("FROM python:3.13-slim") == 2
    assert "USER 10001" in text
    assert 'CMD ["gunicorn", "shop.wsgi:application", "--bind", "0.0.0.0:8000"]' in text
    assert "DATABASE_URL=postgres://build@localhost/build" in text
    assert "secret_key" not in text
    assert "**/.env" in (tmp_path / ".dockerignore").read_text(encoding="utf-8").splitlines()


def test_a_dockerfile_that_is_there_stays(tmp_path: Path) -> None:
    done = init(tmp_path, {**shop(), "Dockerfile": "FROM python:3.12\nCMD gunicorn shop.wsgi\n"}, dockerfile=True)
    assert (tmp_path / "Dockerfile").read_text(encoding="utf-8") == "FROM python:3.12\nCMD gunicorn shop.wsgi\n"
    assert done.env.application.dockerfile == "Dockerfile"
    assert "Dockerfile" not in done.said.written


def test_a_project_in_a_folder_gets_its_dockerfile_there(tmp_path: Path) -> None:
    files = django("web", "", folder="sites/blog") | django("web", "", folder="sites/shop")
    done = init(tmp_path, {**files, "sites/blog/requirements.txt": COMPLETE}, dockerfile=True, project="blog")
    assert (tmp_path / "sites/blog/Dockerfile").is_file()
    assert "sites/blog/Dockerfile" in done.said.written


@pytest.mark.parametrize(
    "text",
    ["yes", "on", "null", "~", "1", "0x1", "1:30", "2024-01-01", "a: b", "a #b", "", " x", "-", "- a", "[x]", "{a}",
     "*a", "&a", "!a", "%a", "@a", "`a`", "'a'", '"a"', "a\\b", "\u2028", "é", "=", "<<", "a,b"],
)  # fmt: skip
def test_every_text_is_read_back_as_it_is(text: str) -> None:
    written = scalar(text)
    expected = " " if text == "\u2028" else text
    assert yaml.safe_load(f"[{written}]") == [expected]
    assert yaml.safe_load(f"key: {written}") == {"key": expected}


def test_the_advised_lines_make_a_new_project_run(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    root.mkdir()
    subprocess.run([sys.executable, "-m", "django", "startproject", "shop", "."], cwd=root, check=True, timeout=60)
    done = init(root, {"requirements.txt": "django\n"})
    lines = [
        line.rpartition("Write: ")[2].rpartition("below need: ")[2].rpartition("needs: ")[2]
        for line in done.said.missing
    ]
    lines = ["import os" if line.endswith("import os") else line for line in lines]
    with (root / "shop" / "settings.py").open("a", encoding="utf-8") as settings:
        settings.write("\n" + "\n".join(lines) + "\n")
    values = {name: value.replace("${web.hosts}", "shop.example.com") for name, value in environment(done).items()}
    values |= {"PGDATABASE": "shop", "PATH": os.environ["PATH"], "SECRET_KEY": "x" * 64}
    # As a build collects static files for settings that name no place for them.
    values |= {"DJANGO_SETTINGS_MODULE": "shop.settings", "OPSCTL_STATIC_ROOT": str(root / "staticfiles")}
    for arguments in (["manage.py", "check", "--deploy"], [str(COLLECT)]):
        subprocess.run([sys.executable, *arguments], cwd=root, env=values, check=True, timeout=60, capture_output=True)
    assert (root / "staticfiles" / "admin").is_dir()
    again = initialise(write(tmp_path / "again", {
        str(path.relative_to(root)): path.read_text(encoding="utf-8")
        for path in [root / "manage.py", root / "requirements.txt", *(root / "shop").glob("*.py")]
    }))  # fmt: skip
    assert [line for line in again.missing if "psycopg" not in line] == []
