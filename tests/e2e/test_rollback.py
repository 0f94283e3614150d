"""Back to an earlier release and forth again, with visitors throughout; and what a migration in between forbids."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from .strangers import Stranger, reads_the_environment, startproject
from .visitors import Visitors

pytestmark = [pytest.mark.emulator, pytest.mark.postgres]

URLS = """
import os

from django.http import HttpResponse
from django.urls import path

from catalog.models import Product

CODE = "code-1"


def page(request):
    names = ",".join(product.name for product in Product.objects.all())
    return HttpResponse(f"{CODE} {os.environ['SAYS']} {os.environ['TOKEN'][:3]} [{names}]")


urlpatterns = [path("", page)]
"""
CONFIGURATION = """
default_environment: local
defaults:
  service: shop
  client: acme
  application:
    settings: shop.settings
    requirements: requirements.txt
    add: [gunicorn]
    web: {count: 2}
    environment:
      SECRET_KEY: ${secret_key}
      ALLOWED_HOSTS: ${web.hosts}
      DATABASE_URL: ${database.url}
      SAYS: word-1
    secrets: {TOKEN: generate}
    database: {owner: true}
    workers:
      queue: {command: [python, worker.py]}
    jobs:
      report: {command: [python, job.py, first], schedule: "15 4 * * *"}
environments:
  local:
    target: local
    ecs: {build_on_deploy: true, repository_name: shop-local, manage_repository: true}
    observability: {alb_access_logs: {enabled: false}}
"""
WORKER = "import os, time\nprint('worker', os.environ['SAYS'], flush=True)\nwhile True: time.sleep(1)\n"
ADDITIVE = """
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial")]
    operations = [migrations.AddField("product", "price", models.IntegerField(null=True))]
"""
DESTRUCTIVE = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("catalog", "0002_price")]
    operations = [migrations.RemoveField("product", "name")]
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stranger]:
    """Two releases: the second with other code, another application block, and a migration that only adds."""
    made = reads_the_environment(startproject(tmp_path_factory.mktemp("rollback") / "shop"))
    root = made.root
    (root / "shop" / "urls.py").write_text(URLS)
    (root / "environments.yaml").write_text(CONFIGURATION)
    (root / "worker.py").write_text(WORKER)
    (root / "job.py").write_text("import sys\nprint('report', sys.argv[1])\n")
    made.deploy()
    (root / "catalog" / "migrations" / "0002_price.py").write_text(ADDITIVE)
    edit(made, 2)
    made.deploy()
    yield made
    made.target.reset()


def edit(shop: Stranger, number: int) -> None:
    """Other code, and another application block."""
    urls, config = shop.root / "shop" / "urls.py", shop.root / "environments.yaml"
    urls.write_text(re.sub(r"code-\d", f"code-{number}", urls.read_text()))
    config.write_text(re.sub(r"word-\d", f"word-{number}", config.read_text()).replace("first]", "second]"))


def rolls_back(shop: Stranger, *wanted: str) -> Any:
    """What a rollback says, after it went well."""
    ran = shop.opsctl("rollback", *wanted, "--yes", "--json")
    assert ran.code == 0, ran.err
    assert "Secrets keep today's values" in ran.err
    return ran.json


def schedule(shop: Stranger) -> str:
    """The task definition that the schedule of the job starts, with its command."""
    found = shop.client("scheduler").list_schedules()["Schedules"]
    made = shop.client("scheduler").get_schedule(Name=found[0]["Name"], GroupName=found[0]["GroupName"])
    definition = made["Target"]["EcsParameters"]["TaskDefinitionArn"]
    task = shop.client("ecs").describe_task_definition(taskDefinition=definition)["taskDefinition"]
    return " ".join(task["containerDefinitions"][0]["command"])


def worker_says(shop: Stranger) -> str:
    """What the newest worker wrote."""
    found = sorted(shop.target.state.tasks.glob("*/output.log"), key=lambda path: path.stat().st_mtime)
    said = [text for path in found if (text := path.read_text()).startswith("worker") or "worker word" in text]
    return said[-1]


def test_back_to_the_release_before_and_forth_again_while_visitors_come(shop: Stranger) -> None:
    before = shop.get("/")[1].split()
    assert before[:2] == ["code-2", "word-2"]
    assert "job.py second" in schedule(shop)
    with Visitors(shop.url, people=3) as visitors:
        visitors.wait_until_asked(20)
        back = rolls_back(shop)
        visitors.wait_until_asked(visitors.asked + 20)
        assert shop.get("/")[1].split()[:3] == ["code-1", "word-1", before[2]]  # a secret's value is today's
        assert "job.py first" in schedule(shop)
        assert "word-1" in worker_says(shop)
        differs = shop.opsctl("diff")
        forth = rolls_back(shop, "2")
        visitors.wait_until_asked(visitors.asked + 20)
    assert visitors.failed == []
    assert (back["release"], back["rolled_back_to"]) == (3, 1)
    assert (forth["release"], forth["rolled_back_to"]) == (4, 2)
    assert differs.code == 3
    said = " ".join(differs.out.split())
    assert "What runs is a rollback to release 1 (as release 3); deploying goes forward to content-" in said
    assert shop.get("/")[1].split()[:2] == ["code-2", "word-2"]
    assert "job.py second" in schedule(shop)
    assert shop.deploy().json["changed"] is False  # what is configured runs again
    listed = shop.opsctl("releases", "--json").json
    assert [(each["number"], each["how"]) for each in listed] == [
        (4, "rollback to 2"), (3, "rollback to 1"), (2, "deploy"), (1, "deploy"),
    ]  # fmt: skip
    assert [each["migrations"] for each in listed] == [[], [], ["catalog.0002_price"], []]
    assert [each["runs"] for each in listed] == [True, False, False, False]
    assert all(each["rollback"] for each in listed[1:])
    audited = shop.opsctl("releases", "--audit", "--json").json
    assert audited[0]["command"].startswith("opsctl rollback 2 --yes")
    assert set(audited[0]["stacks"]) == {"jobs", "app"}
    assert "ImageUri" in audited[0]["stacks"]["app"]["parameters"]


@pytest.mark.soak
def test_three_releases_and_every_way_between_them_while_visitors_come(shop: Stranger) -> None:
    edit(shop, 3)
    newest = shop.deploy().json["release"]
    with Visitors(shop.url, people=4) as visitors:
        for number, says in (("1", "1"), (str(newest), "3"), ("2", "2"), ("1", "1"), (str(newest), "3")):
            rolls_back(shop, number)
            assert shop.get("/")[1].split()[:2] == [f"code-{says}", f"word-{says}"]
            visitors.wait_until_asked(visitors.asked + 20)
    assert visitors.failed == []
    assert {page.split()[0] for page in visitors.seen} == {"code-1", "code-2", "code-3"}


def test_a_release_is_refused_that_reads_what_a_migration_removed(shop: Stranger) -> None:
    models, urls = shop.root / "catalog" / "models.py", shop.root / "shop" / "urls.py"
    models.write_text(
        "from django.db import models\n\n\nclass Product(models.Model):\n    price = models.IntegerField()\n"
    )
    (shop.root / "catalog" / "admin.py").write_text("")
    urls.write_text(urls.read_text().replace("product.name", "str(product.price)"))
    edit(shop, 4)
    (shop.root / "catalog" / "migrations" / "0003_no_name.py").write_text(DESTRUCTIVE)
    warned = shop.deploy()
    what = "catalog.0003_no_name removes Product.name, which the release before still reads"
    assert what in warned.err
    with Visitors(shop.url) as visitors:
        refused = shop.opsctl("rollback", "--yes")
        visitors.wait_until_asked(10)
    assert refused.code == 1
    assert re.search(rf"Error: Release \d+ can't live with what the database has become since: {what}\.", refused.err)
    assert "--accept-migration catalog.0003_no_name" in refused.err
    assert visitors.failed == []
    assert shop.get("/")[1].startswith("code-4")
    listed = shop.opsctl("releases").out
    assert "no rollback to it: catalog.0003_no_name removes Product.name" in " ".join(listed.split())


def test_a_record_holds_the_names_of_secrets_and_no_value(shop: Stranger) -> None:
    bucket = shop.opsctl("outputs", "--json").json["bootstrap"]["ArtifactBucketName"]
    record = (
        shop.client("s3").get_object(Bucket=bucket, Key="releases/local-shop-acme/current.json")["Body"].read().decode()
    )
    secrets = shop.client("secretsmanager")
    values = [
        secrets.get_secret_value(SecretId=each["Name"])["SecretString"] for each in secrets.list_secrets()["SecretList"]
    ]
    assert '"TOKEN": "generate"' in record
    assert len(values) > 1
    assert not [value for value in values if value in record]


def test_a_rollback_says_who_holds_the_lock(shop: Stranger) -> None:
    bucket = shop.opsctl("outputs", "--json").json["bootstrap"]["ArtifactBucketName"]
    lease = '{"owner": "ann@desk", "id": "other", "command": "opsctl deploy", "acquired": 1, "expires": %s}' % (
        time.time() + 60
    )
    shop.client("s3").put_object(Bucket=bucket, Key="locks/local-shop-acme.json", Body=lease.encode())
    busy = shop.opsctl("rollback", "1", "--yes")
    shop.client("s3").delete_object(Bucket=bucket, Key="locks/local-shop-acme.json")
    assert busy.code == 75
    assert "ann@desk (opsctl deploy)" in busy.err
    assert "opsctl cancel --env local" in busy.err
    unasked = shop.opsctl("rollback", "--accept-migration", "catalog.0003_no_name")
    assert unasked.code == 2
    assert "Roll local back from release" in unasked.err
    assert "--yes" in unasked.err
