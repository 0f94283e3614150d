"""Projects that opsctl has never seen, as containers: one that it makes the image of, one with a Dockerfile."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator

import pytest

from tests.functional.images.engines import Engines

from .containers import container_machine
from .strangers import Stranger, create_superuser, reads_the_environment, startproject

# Packages and engines take about a minute for each of them.
pytestmark = [pytest.mark.emulator, pytest.mark.postgres, pytest.mark.soak]
TOKEN = "token-4c81ab-secret"
BUSY = 900  # seconds for an image with forty packages where others work as well


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """podman, with nothing in it yet."""
    with container_machine(tmp_path_factory.mktemp("machine")) as made:
        yield made


# As authors write one: it knows a shell, a port of its own and all addresses, and nothing of opsctl.
DOCKERFILE = """
FROM docker.io/library/python:3.13-slim
WORKDIR /code
COPY requirements.txt .
RUN python -m venv /venv && /venv/bin/pip install --quiet -r requirements.txt
ENV PATH=/venv/bin:$PATH
COPY . .
RUN SECRET_KEY=x ALLOWED_HOSTS=x PAYMENT_TOKEN=x python manage.py collectstatic --no-input
USER 1234
EXPOSE 8000
CMD ["gunicorn", "--bind", "0.0.0.0:8000", "shop.wsgi"]
"""
PRODUCTION = """
STATIC_ROOT = BASE_DIR / "staticfiles"
PAYMENT_TOKEN = os.environ["PAYMENT_TOKEN"]
"""


@pytest.fixture(scope="module")
def press(engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stranger]:
    """A site whose author has a Dockerfile, and has told another platform to use it; deployed, its secret set."""
    made = reads_the_environment(startproject(tmp_path_factory.mktemp("press") / "press"), "gunicorn")
    (made.root / "Dockerfile").write_text(DOCKERFILE)
    (made.root / "render.yaml").write_text("services: [{type: web, name: press, runtime: docker}]\n")
    settings = made.root / "shop" / "settings.py"
    settings.write_text(settings.read_text() + PRODUCTION)
    said = made.opsctl("init", "--json").json
    assert [line.partition(" (")[0] for line in said["missing"]] == ["The secret PAYMENT_TOKEN"]
    try:
        assert made.opsctl("secret", "set", "PAYMENT_TOKEN", stdin=TOKEN).code == 0
        made.deploy(timeout=BUSY)
        yield made
    finally:
        made.target.reset()


def web(site: Stranger, engines: Engines) -> str:
    """What the first process of the web's container was started with."""
    (found,) = [each for each in site.target.status().containers if "-service-" in each.name]
    return engines.run("podman", "exec", found.id, "cat", "/proc/1/cmdline").stdout.replace("\0", " ").strip()


def test_the_command_of_their_own_image_answers_behind_the_load_balancer(press: Stranger, engines: Engines) -> None:
    """Nobody asked for containers: only they have that command."""
    assert press.target.runtime == "containers"
    assert web(press, engines).endswith("gunicorn --bind 0.0.0.0:8000 shop.wsgi")
    assert press.browser.get("/admin/login/")[0] == 200
    assert press.browser.get("/static/admin/css/base.css")[0] == 200


def test_one_off_tasks_of_their_own_image_run_as_its_user_with_the_secret(press: Stranger) -> None:
    code = "import os; print(os.getuid(), os.environ['PAYMENT_TOKEN'])"
    assert f"1234 {TOKEN}" in press.opsctl("run", "--", "python", "-c", code).out.splitlines()
    assert press.opsctl("run", "--", "python", "manage.py", "check").code == 0
    assert press.opsctl("run", "--", "python", "manage.py", "migrate", "--check").code == 0  # the release ran
    assert press.opsctl("run", "--", "python", "-c", "raise SystemExit(7)").code == 7


def test_their_next_release_takes_over_although_both_listen_at_all_addresses(press: Stranger) -> None:
    create_superuser(press, "ann", "a-long-password")
    admin = press.root / "catalog" / "admin.py"
    admin.write_text(admin.read_text() + 'admin.site.site_header = "The second release"\n')
    assert press.deploy().json["changed"] is True
    page = press.browser.log_in("/admin/login/?next=/admin/", "ann", "a-long-password")
    assert "Products" in page
    assert "The second release" in page


# What `opsctl init` asks for; django-storages, and Wagtail with PostgreSQL, as their documentation has them.
WAGTAIL = """
import os

INSTALLED_APPS += ["django.contrib.postgres"]

SECRET_KEY = os.environ["SECRET_KEY"]
ALLOWED_HOSTS = os.environ["ALLOWED_HOSTS"].split(",")
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": os.environ["PGDATABASE"]}}
AWS_STORAGE_BUCKET_NAME = os.environ["AWS_STORAGE_BUCKET_NAME"]
STORAGES["default"]["BACKEND"] = "storages.backends.s3.S3Storage"
"""


@pytest.fixture(scope="module")
def magazine(engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stranger]:
    """A site of `wagtail start`, deployed as containers."""
    made = Stranger(tmp_path_factory.mktemp("magazine") / "magazine")
    made.root.mkdir()
    uv = [sys.executable, "-m", "uv", "run", "--quiet", "--no-project", "--python", sys.executable]
    start = [*uv, "--with", "wagtail>=8.0,<8.1", "wagtail", "start", "magazine", "."]
    subprocess.run(start, cwd=made.root, check=True, capture_output=True)
    with (made.root / "magazine" / "settings" / "production.py").open("a") as settings:
        settings.write(WAGTAIL)
    with (made.root / "requirements.txt").open("a") as requirements:
        requirements.write("django-storages[s3]\n")
    subprocess.run(["git", "init", "--quiet", str(made.root)], check=True)
    assert made.opsctl("init", "--json").json["missing"] == []
    file = made.root / "environments.yaml"
    # The base of these tests has another Python than the template's Dockerfile.
    file.write_text(re.sub(r'python: "3.\d+"', 'python: "3.13"', file.read_text()))
    try:
        made.deploy("--runtime", "containers", timeout=BUSY)
        yield made
    finally:
        made.target.reset()


def picture() -> bytes:
    """A PNG of one red pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0\xff\0\0")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def test_a_wagtail_site_keeps_its_pictures_in_the_bucket(magazine: Stranger) -> None:
    browser = magazine.browser
    status, home = browser.get("/")
    assert (status, "Welcome to your new Wagtail site!" in home) == (200, True)
    status, login = browser.get("/admin/login/")
    assert status == 200
    styles = re.findall(r'href="(/static/wagtailadmin/css/[^"]+)"', login)
    assert styles
    assert {browser.get(each)[0] for each in styles} == {200}
    create_superuser(magazine, "ann", "a-long-password")
    assert "Dashboard" in browser.log_in("/admin/login/?next=/admin/", "ann", "a-long-password")
    page = browser.upload("/admin/images/add/", {"title": "A dot", "collection": "1"}, ("dot.png", picture()))
    assert "A dot" in page
    s3 = magazine.client("s3")
    (bucket,) = [each["Name"] for each in s3.list_buckets()["Buckets"] if "media" in each["Name"]]
    assert s3.get_object(Bucket=bucket, Key="original_images/dot.png")["Body"].read() == picture()
