"""Projects that opsctl has never seen: from `opsctl init` to a page, a login, a worker, a job, a bucket, a secret."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from opsctl import __version__

from .strangers import Stranger, create_superuser, quick_start, reads_the_environment, startproject

pytestmark = [pytest.mark.emulator, pytest.mark.postgres]
CANARY = "canary-7f3a91-secret"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Stranger]:
    """A site as startproject makes it, with an app of its own; not initialised."""
    made = startproject(tmp_path / "shop")
    yield made
    made.target.reset()


def test_a_new_site_answers_with_its_admin_and_a_superuser_logs_in(shop: Stranger) -> None:
    reads_the_environment(shop)
    installs, *commands = quick_start()
    # test_from_a_wheel.py does that.
    assert installs == ["pip", "install", f"../opsctl/dist/opsctl-{__version__}-py3-none-any.whl[local]"]
    for command in commands:
        ran = shop.opsctl(*command[1:])
        assert ran.code == 0, ran.err
        assert "Missing:" not in ran.out + ran.err
    browser = shop.browser
    status, page = browser.get("/admin/login/")
    assert status == 200
    assert "csrfmiddlewaretoken" in page
    assert browser.get("/static/admin/css/base.css")[0] == 200
    create_superuser(shop, "ann", "a-long-password")
    assert "Products" in browser.log_in("/admin/login/?next=/admin/", "ann", "a-long-password")
    assert shop.deploy().json["changed"] is False
    assert shop.opsctl("init", "--json").json["already_initialised"]
    # One-off commands end with their own exit code, and may have a terminal.
    assert shop.opsctl("run", "--", "python", "-c", "raise SystemExit(7)").code == 7
    typed = shop.opsctl("run", "-i", "--", "manage.py", "shell", stdin="print(6 * 7)\n")
    assert (typed.code, typed.out.split()[-1]) == (0, "42")
    assert shop.opsctl("run", "-i", "--", "no-such-program").code == 1
    # What CI builds was locked before.
    (shop.root / "requirements.txt").write_text("django>=5.2,<6\ndj-database-url\n")
    stale = shop.opsctl("deploy", "--locked")
    assert stale.code == 1
    assert "opsctl.lock is older than what it was made from" in stale.err


WORKER = """
import os
import pathlib
import time

print("worker", os.environ["QUEUE_URL"], pathlib.Path(os.environ["CFG"]).read_text(), flush=True)
while True:
    time.sleep(1)
"""
JOB = """
import os
import sys
import time

import boto3

store = boto3.client("s3")
store.put_object(Bucket=os.environ["MEDIA"], Key="report.txt", Body=b"42")
print(store.get_object(Bucket=os.environ["MEDIA"], Key="report.txt")["Body"].read().decode(), os.environ["PRICE"])
time.sleep(float(sys.argv[1]) if sys.argv[1:] else 0)
"""
APPLICATION = """
  application:
    path: .
    settings: shop.settings
    python: "3.13"
    requirements: requirements.txt
    add: [gunicorn, boto3]
    web: {count: 2}
    environment:
      SECRET_KEY: ${secret_key}
      ALLOWED_HOSTS: ${web.hosts}
      DATABASE_URL: ${database.url}
      QUEUE_URL: amqp://queue:${secrets.QUEUE_TOKEN}@queue.example.com
      MEDIA: ${buckets.media}
      PRICE: 5$$
      CFG: CONFIGURATION
    secrets: {QUEUE_TOKEN: set, SALT: generate}
    files:
      CONFIGURATION: "token = ${secrets.QUEUE_TOKEN}"
    database: {owner: true}
    buckets: {media: {}}
    workers:
      queue: {command: [python, worker.py]}
      beat: {command: [python, worker.py], singleton: true}
    jobs:
      report: {command: [python, job.py], schedule: "15 4 * * 1-5", timezone: America/Sao_Paulo, timeout: 5s}
"""


@pytest.fixture(scope="module")
def press(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stranger]:
    """A site with workers, a job, a bucket, secrets and a file; deployed, its secret set."""
    folder = tmp_path_factory.mktemp("press") / "site"
    made = reads_the_environment(startproject(folder))
    (folder / "worker.py").write_text(WORKER)
    (folder / "job.py").write_text(JOB)
    (folder / "environments.yaml").write_text(
        "default_environment: local\ndefaults:\n  service: press\n  client: acme\n"
        + APPLICATION.replace("CONFIGURATION", str(folder.parent / "made" / "press.cfg"))
        + "environments:\n  local:\n    target: local\n"
        "    ecs: {build_on_deploy: true, repository_name: press-local, manage_repository: true}\n"
        "    observability: {alb_access_logs: {enabled: false}}\n"
    )
    yield made
    made.target.reset()


def logs(site: Stranger, word: str) -> list[str]:
    """Last words of each task that said `word`, oldest first."""
    found = sorted(site.target.state.tasks.glob("*/output.log"), key=lambda path: path.stat().st_mtime)
    return [text for path in found if word in (text := path.read_text())]


def test_a_secret_without_a_value_is_told_before_anything_is_changed(press: Stranger) -> None:
    ran = press.opsctl("deploy", "--env", "local")
    assert ran.code != 0
    assert "The secret QUEUE_TOKEN has no value: `opsctl secret set QUEUE_TOKEN --env local`" in ran.err
    assert [each["status"] for each in press.opsctl("status", "--json").json["stacks"]] == ["absent"] * 10
    wrong = press.opsctl("secret", "set", "QUEUE_TOKE", stdin="x")
    assert wrong.code == 2
    assert "Did you mean `QUEUE_TOKEN`?" in wrong.err


def test_workers_jobs_buckets_secrets_and_files_work(press: Stranger) -> None:
    assert press.opsctl("secret", "set", "QUEUE_TOKEN", stdin=f"{CANARY}\n").code == 0
    press.deploy()
    assert press.browser.get("/admin/login/")[0] == 200
    said = [text for text in logs(press, "worker") if f"amqp://queue:{CANARY}@queue.example.com" in text]
    assert len(said) == 2
    assert all(f"token = {CANARY}" in text for text in said)
    done = press.opsctl("job", "run", "report")
    assert done.code == 0, done.err
    assert "42 5$" in done.out.splitlines()
    late = press.opsctl("job", "run", "report", "--", "30")
    assert late.code == 1
    assert "report did not end within 5 s" in late.err
    assert press.deploy().json["changed"] is False


@pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed")
def test_a_shell_of_the_database_reads_as_the_owner_and_writes_only_when_asked(press: Stranger) -> None:
    ran = press.opsctl("db", "shell", "-c", "CREATE TABLE x (a int)")
    assert "cannot execute CREATE TABLE in a read-only transaction" in ran.err
    assert "`--role user` writes" in ran.err
    assert press.opsctl("db", "shell", "--role", "user", "-c", "CREATE TABLE x (a int)").code == 0


def test_a_new_value_of_a_secret_reaches_every_service_with_the_next_deploy(press: Stranger) -> None:
    assert press.opsctl("secret", "set", "QUEUE_TOKEN", stdin="another-token").code == 0
    plan = press.opsctl("diff", "--json")
    assert plan.code == 3
    assert [each["stack"] for each in plan.json["stacks"] if each["action"] != "unchanged"] == ["app"]
    assert press.deploy().json["changed"] is True
    assert any("amqp://queue:another-token@" in text for text in logs(press, "worker"))
    assert press.deploy().json["changed"] is False


def test_a_restart_starts_the_tasks_of_one_service_anew(press: Stranger) -> None:
    before = len(logs(press, "worker"))
    ran = press.opsctl("restart", "queue", "--json")
    assert ran.code == 0, ran.err
    deadline = time.monotonic() + 30
    while len(logs(press, "worker")) == before and time.monotonic() < deadline:
        time.sleep(0.2)
    assert len(logs(press, "worker")) == before + 1
    assert press.deploy().json["changed"] is False
    assert press.opsctl("restart", "qeue").code == 2


def test_a_secret_that_tasks_read_is_not_removed_and_a_file_of_values_is_taken_over(press: Stranger) -> None:
    kept = press.opsctl("secret", "remove", "QUEUE_TOKEN", "--yes")
    assert kept.code == 1
    assert "would not start without it" in kept.err
    listed = {each["name"]: each["there"] for each in press.opsctl("secret", "list", "--json").json}
    assert listed == {"QUEUE_TOKEN": True, "SALT": True}
    (press.root.parent / "values.env").write_text("# from elsewhere\nexport QUEUE_TOKEN='back again'\nOTHER=1\n")
    taken = press.opsctl("secret", "set", "--from-file", "../values.env", "--json").json
    assert (taken["set"], taken["left"]) == (["QUEUE_TOKEN"], ["OTHER"])
    press.deploy()


def test_no_value_of_a_secret_lies_anywhere_but_where_it_belongs(press: Stranger) -> None:
    """Printed by no command; in no file of opsctl's but what the emulator of Secrets Manager and tasks hold."""
    press.opsctl("secret", "set", "QUEUE_TOKEN", stdin=CANARY)
    said = [press.deploy(), *(press.opsctl(*each) for each in (
        ("secret", "list", "--json"), ("diff",), ("diff", "--json"), ("status", "--json"), ("outputs", "--json"),
        ("synth",), ("env", "show", "--json"), ("job", "list"), ("job", "run", "report"), ("restart",),
        ("secret", "set", "NOTHING"), ("run", "--", "python", "-c", "print(1)"), ("image", "list", "--local"),
    ))]  # fmt: skip
    assert not [ran for ran in said if CANARY in ran.out + ran.err]
    held = press.target.state.path
    searched = [path for path in press.root.rglob("*") if path.is_file() and not path.is_relative_to(held)]
    assert not [path for path in searched if CANARY.encode() in path.read_bytes()]
    assert [path for path in searched if "runs" in path.parts or path.suffix == ".yaml"]
    stacks = json.dumps(press.aws("cloudformation", "describe-stacks"))
    templates = [
        json.dumps(press.aws("cloudformation", "get-template", "--stack-name", f"local-press-{name}-acme"))
        for name in ("app", "jobs", "platform")
    ]
    assert CANARY not in "".join([stacks, *templates])


def test_destroying_takes_what_deploys_put_together_and_leaves_what_people_set(press: Stranger) -> None:
    ran = press.opsctl("destroy", "--yes", "--delete-data", "--database", "press")
    assert ran.code == 0, ran.err
    assert "Secrets stay: QUEUE_TOKEN, SALT." in ran.err
    left = [each["Name"] for each in press.aws("secretsmanager", "list-secrets")["SecretList"]]
    assert [name for name in left if name.startswith("opsctl/")] == [
        "opsctl/local/press/secrets/QUEUE_TOKEN", "opsctl/local/press/secrets/SALT",
    ]  # fmt: skip
