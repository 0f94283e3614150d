"""What other platforms were told comes before what settings say."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsctl.config.application import Release
from tests.unit.project.trees import ENVIRONMENT_SETTINGS, environment, init, shop

SETTINGS = ENVIRONMENT_SETTINGS.format(package="shop")


def test_a_procfile_says_release_and_workers(tmp_path: Path) -> None:
    procfile = """\
        web: gunicorn shop.wsgi --log-file - --bind 0.0.0.0:$PORT
        release: python manage.py migrate --noinput && python manage.py collectstatic --noinput
        worker: celery -A shop worker --concurrency 2
        beat: celery -A shop beat
        """
    done = init(tmp_path, {**shop(), "Procfile": procfile})
    application = done.env.application
    assert application.web.command is None
    assert application.release.commands == (("python", "manage.py", "migrate", "--noinput"),)
    assert application.workers["worker"].command == ("celery", "-A", "shop", "worker", "--concurrency", "2")
    assert not application.workers["worker"].singleton
    assert application.workers["beat"].command[-2:] == ("-s", "/tmp/celerybeat-schedule")
    assert application.workers["beat"].singleton
    assert "release:  # from Procfile:2" in done.text
    assert "# from Procfile:3" in done.block("worker:")
    assert any("opsctl's own gunicorn command" in line and "Procfile:1" in line for line in done.said.assumed)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("gunicorn shop.wsgi --workers 3", "gunicorn shop.wsgi --workers 3 --bind 0.0.0.0:8000"),
        (
            "uvicorn shop.asgi:application --port ${PORT:-5000}",
            "uvicorn shop.asgi:application --port 8000 --host 0.0.0.0",
        ),
        ("daphne -b 0.0.0.0 -p $PORT shop.asgi:application", "daphne -b 0.0.0.0 -p 8000 shop.asgi:application"),
        (
            "newrelic-admin run-program gunicorn shop.wsgi -b :$PORT",
            "newrelic-admin run-program gunicorn shop.wsgi -b :8000",
        ),
        (
            "newrelic-admin run-program gunicorn shop.wsgi",
            "newrelic-admin run-program gunicorn shop.wsgi --bind 0.0.0.0:8000",
        ),
        ("ddtrace-run daphne shop.asgi:application", "ddtrace-run daphne -b 0.0.0.0 shop.asgi:application"),
        ("python3 -m gunicorn shop.wsgi -w 3", "gunicorn shop.wsgi -w 3 --bind 0.0.0.0:8000"),
        ("DEBUG=0 gunicorn shop.wsgi -b :$PORT", "env DEBUG=0 gunicorn shop.wsgi -b :8000"),
    ],
)
def test_a_web_command_of_its_own_is_kept_and_can_be_reached(tmp_path: Path, line: str, expected: str) -> None:
    done = init(tmp_path, {**shop(), "Procfile": f"web: {line}\n"})
    assert " ".join(done.env.application.web.command or ()) == expected


def test_gunicorns_module_called_by_python_is_opsctls_own_command(tmp_path: Path) -> None:
    done = init(tmp_path, {**shop(), "Procfile": "web: python -m gunicorn shop.wsgi --log-file -\n"})
    assert done.env.application.web.command is None


def test_an_agent_before_the_server_does_not_hide_which_it_is(tmp_path: Path) -> None:
    files = {**shop(), "requirements.txt": "django\nddtrace\npsycopg[binary]\n"}
    done = init(tmp_path, {**files, "Procfile": "web: ddtrace-run daphne shop.asgi:application\n"})
    assert done.env.application.add == ("daphne",)


def test_variables_before_a_worker_need_no_shell(tmp_path: Path) -> None:
    """As the big template writes it; and beat gets a place for its schedule all the same."""
    lines = "worker: REMAP_SIGTERM=SIGQUIT celery -A shop worker\nbeat: REMAP_SIGTERM=SIGQUIT celery -A shop beat\n"
    workers = init(tmp_path, {**shop(), "Procfile": lines}).env.application.workers
    assert workers["worker"].command == ("env", "REMAP_SIGTERM=SIGQUIT", "celery", "-A", "shop", "worker")
    assert workers["beat"].command[-2:] == ("-s", "/tmp/celerybeat-schedule")


@pytest.mark.parametrize(
    ("config", "port"),
    [
        ("workers = 3\n", "8000"),
        ("bind = f\"0.0.0.0:{os.environ['PORT']}\"\n", "8000"),
        ('bind = "0.0.0.0:8000"\n', None),
    ],
)
def test_gunicorns_own_file_is_told_the_port_where_it_needs_one(tmp_path: Path, config: str, port: str | None) -> None:
    files = {**shop(), "Procfile": "web: gunicorn -c config/gunicorn.py shop.wsgi\n", "config/gunicorn.py": config}
    assert environment(init(tmp_path, files)).get("PORT") == port


@pytest.mark.parametrize("line", ["python manage.py runserver 0.0.0.0:$PORT", ""])
def test_a_development_server_is_no_web_command(tmp_path: Path, line: str) -> None:
    done = init(tmp_path, {**shop(), "Procfile": f"web: {line}\n"})
    assert done.env.application.web.command is None


def test_migrations_before_the_server_belong_to_the_release(tmp_path: Path) -> None:
    line = "web: python manage.py migrate && python manage.py collectstatic && gunicorn shop.wsgi -b :$PORT\n"
    done = init(tmp_path, {**shop(), "Procfile": line})
    assert done.env.application.release.commands == (("python", "manage.py", "migrate"),)
    assert done.env.application.web.command is None


def test_commands_start_in_the_folder_of_manage(tmp_path: Path) -> None:
    files = {f"backend/{name}" if name != "requirements.txt" else name: text for name, text in shop().items()}
    lines = "web: gunicorn --chdir backend shop.wsgi --workers 9\nrelease: python backend/manage.py migrate\n"
    lines += "queue: cd backend && celery -A shop worker\n"
    done = init(tmp_path, {**files, "Procfile": lines})
    application = done.env.application
    assert application.web.command == ("gunicorn", "shop.wsgi", "--workers", "9", "--bind", "0.0.0.0:8000")
    assert application.release.commands == (("python", "manage.py", "migrate"),)
    assert application.workers["queue"].command == ("celery", "-A", "shop", "worker")


def test_app_json_names_settings_secrets_and_jobs(tmp_path: Path) -> None:
    told = """\
        {"env": {"DJANGO_SETTINGS_MODULE": "shop.heroku", "SECRET_KEY": {"generator": "secret"},
                 "STRIPE_KEY": {"description": "of the shop"}, "THEME": {"value": "dark"},
                 "OPTIONAL_KEY": {"required": false}},
         "cron": [{"command": "python manage.py clearsessions", "schedule": "0 3 * * *"}],
         "scripts": {"postdeploy": "python manage.py loaddata x"}}
        """
    done = init(tmp_path, {**shop(), "app.json": told, "shop/heroku.py": "from .settings import *\n"})
    application = done.env.application
    assert application.settings == "shop.heroku"
    assert dict(application.secrets) == {"STRIPE_KEY": "set"}
    assert environment(done)["SECRET_KEY"] == "${secret_key}"
    assert environment(done)["THEME"] == "dark"
    assert application.jobs["clearsessions"].schedule == "0 3 * * *"
    assert any("app.json:5 runs a script once" in line for line in done.said.warnings)


def test_heroku_yml_builds_from_its_dockerfile(tmp_path: Path) -> None:
    told = """\
        build:
          docker:
            web: docker/Dockerfile
        release:
          command:
            - python manage.py migrate
        run:
          worker: python manage.py rqworker
        """
    image = "FROM python:3.12\nEXPOSE 5000\nCMD gunicorn shop.wsgi -b 0.0.0.0:$PORT\n"
    done = init(tmp_path, {**shop(), "heroku.yml": told, "docker/Dockerfile": image})
    application = done.env.application
    assert application.dockerfile == "docker/Dockerfile"
    assert application.requirements is None
    assert application.web.command is None
    assert application.web.port == 5000
    assert environment(done)["PORT"] == "5000"
    assert application.release.commands == (("python", "manage.py", "migrate"),)
    assert application.workers["worker"].command == ("python", "manage.py", "rqworker")


def test_render_says_web_workers_crons_and_variables(tmp_path: Path) -> None:
    told = """\
        services:
          - type: web
            name: shop
            runtime: python
            startCommand: gunicorn shop.wsgi:application --threads 8
            preDeployCommand: python manage.py migrate
            healthCheckPath: /healthz
            envVars:
              - key: SECRET_KEY
                generateValue: true
              - key: MAP_TOKEN
                sync: false
              - key: LANGUAGE
                value: de
              - fromGroup: shared
          - type: worker
            name: shop_queue
            startCommand: celery -A shop worker
          - type: cron
            name: nightly
            schedule: "30 2 * * *"
            startCommand: python manage.py nightly
        envVarGroups:
          - name: shared
            envVars:
              - {key: REGION_NAME, value: north}
        """
    done = init(tmp_path, {**shop(), "render.yaml": told})
    application = done.env.application
    assert application.web.command is not None
    assert application.web.command[:4] == ("gunicorn", "shop.wsgi:application", "--threads", "8")
    assert application.release.commands == (("python", "manage.py", "migrate"),)
    assert list(application.workers) == ["shop-queue"]
    assert application.jobs["nightly"].schedule == "30 2 * * *"
    assert dict(application.secrets) == {"MAP_TOKEN": "set"}
    assert (environment(done)["LANGUAGE"], environment(done)["REGION_NAME"]) == ("de", "north")
    assert "# health: /healthz  # from render.yaml:7" in done.text


def test_fly_says_release_processes_and_environment(tmp_path: Path) -> None:
    told = """\
        app = "shop"
        [deploy]
          release_command = "python manage.py migrate"
        [env]
          DJANGO_SETTINGS_MODULE = "shop.settings"
          CURRENCY = "EUR"
        [processes]
          app = "gunicorn shop.wsgi --workers 4"
          queue = "python manage.py qcluster"
        [mounts]
          source = "data"
        """
    done = init(tmp_path, {**shop(), "fly.toml": told})
    application = done.env.application
    assert application.web.command is not None
    assert application.web.command[2:4] == ("--workers", "4")
    assert application.workers["queue"].command == ("python", "manage.py", "qcluster")
    assert environment(done)["CURRENCY"] == "EUR"
    assert any("mounts a volume" in line for line in done.said.warnings)
    assert "settings: shop.settings  # from fly.toml:5" in done.text


def test_a_health_path_is_a_comment_also_where_it_is_all_that_is_known_of_the_web(tmp_path: Path) -> None:
    told = "services:\n  - {type: web, name: shop, startCommand: gunicorn shop.wsgi, healthCheckPath: /up}\n"
    done = init(tmp_path, {**shop(), "render.yaml": told})
    assert done.said.warnings == ()
    assert "# health: /up" in done.block("# web:")


def test_kamal_says_roles_variables_and_secrets(tmp_path: Path) -> None:
    told = """\
        service: shop
        image: acme/shop
        servers:
          web: [192.0.2.1]
          queue:
            hosts: [192.0.2.1]
            cmd: celery -A shop worker
        proxy: {host: shop.example.org, app_port: 8000, healthcheck: {path: /up}}
        env:
          clear:
            DJANGO_SETTINGS_MODULE: shop.settings
            CURRENCY: EUR
            DEPLOYED_BY: <%= `whoami` %>
          secret: [SECRET_KEY, "PAYMENT_TOKEN:PROD_PAYMENT_TOKEN"]
        accessories:
          cache: {image: "redis:7"}
        """
    done = init(tmp_path, {**shop(), "config/deploy.yml": told})
    application = done.env.application
    assert application.workers["queue"].command == ("celery", "-A", "shop", "worker")
    assert "# from config/deploy.yml:7" in done.block("queue:")
    assert "settings: shop.settings  # from config/deploy.yml:11" in done.text
    assert "# health: /up" in done.text
    assert (environment(done)["CURRENCY"], environment(done)["SECRET_KEY"]) == ("EUR", "${secret_key}")
    assert "DEPLOYED_BY" not in done.text
    assert dict(application.secrets) == {"PAYMENT_TOKEN": "set"}


@pytest.mark.parametrize(
    ("file", "text", "line"),
    [
        ("compose.yaml", "services:\n  cache:\n    image: docker.io/library/redis:7\n", 2),
        ("app.json", '{\n  "addons": [{"plan": "heroku-redis:mini"}]\n}\n', 2),
        ("app.json", '{\n  "addons": [\n    "heroku-redis"]\n}\n', 3),
        ("render.yaml", "services:\n  - type: keyvalue\n    name: cache\n", 3),
        ("config/deploy.yml", "image: a/b\nservers: [192.0.2.1]\naccessories:\n  cache:\n    image: redis:7\n", 4),
    ],
)
def test_a_server_beside_the_database_is_said_to_be_nobodys(tmp_path: Path, file: str, text: str, line: int) -> None:
    done = init(tmp_path, {**shop(), file: text})
    assert done.said.warnings == (
        f"{file}:{line} runs Redis, which opsctl does not make: give its address by the variable that names it.",
    )


def test_copilot_manifests_say_services_jobs_and_secrets(tmp_path: Path) -> None:
    web = """\
        name: api
        type: Load Balanced Web Service
        image:
          build: Dockerfile
          port: 8080
        http:
          path: "/"
          healthcheck: {path: /up}
        variables:
          LOG_LEVEL: info
        secrets:
          PAYMENT_TOKEN: /copilot/x
        """
    job = """\
        name: report
        type: Scheduled Job
        command: python manage.py report
        on:
          schedule: "@every 1h30m"
        """
    queue = "name: queue\ntype: Backend Service\ncommand: [celery, -A, shop, worker]\n"
    image = 'FROM python:3.12-slim\nCMD ["gunicorn", "shop.wsgi"]\n'
    done = init(tmp_path, {
        **shop(), "Dockerfile": image, "copilot/api/manifest.yml": web, "copilot/report/manifest.yml": job,
        "copilot/queue/manifest.yml": queue,
    })  # fmt: skip
    application = done.env.application
    assert application.dockerfile == "Dockerfile"
    assert application.web.port == 8080
    assert application.jobs["report"].schedule == "rate(90 minutes)"
    assert application.workers["queue"].command == ("celery", "-A", "shop", "worker")
    assert dict(application.secrets) == {"PAYMENT_TOKEN": "set"}
    assert environment(done)["LOG_LEVEL"] == "info"


def test_compose_says_workers_but_nothing_of_a_developers_server(tmp_path: Path) -> None:
    compose = """\
        x-app: &app
          build: .
          environment:
            MAPS_URL: https://maps.example.com
            DATABASE_URL: postgres://me:hunter2@db/shop
            QUEUE_AT: amqp://me:hunter2@queue/
        services:
          db: {image: "postgres:17"}
          web:
            <<: *app
            command: python manage.py runserver 0.0.0.0:8000
          queue:
            <<: *app
            command: celery -A shop worker -l info
          flower:
            <<: *app
            command: celery -A shop flower
        """
    settings = SETTINGS + 'MAPS = os.environ["MAPS_URL"]\nQUEUE = os.environ["QUEUE_AT"]\n'
    done = init(tmp_path, {**shop(settings), "compose.yaml": compose})
    application = done.env.application
    assert application.web.command is None
    assert list(application.workers) == ["queue"]
    assert environment(done)["MAPS_URL"] == "https://maps.example.com"
    assert environment(done)["DATABASE_URL"] == "${database.url}"
    assert environment(done)["QUEUE_AT"] == ""
    assert "hunter2" not in done.text


@pytest.mark.parametrize(
    ("services", "web", "release", "workers"),
    [
        (
            "{migration: {build: ., command: python manage.py migrate}, frontend: {build: front, command: npm start}, "
            "site: {build: ., command: gunicorn shop.wsgi -w 4 --threads 2}}",
            "gunicorn shop.wsgi -w 4 --threads 2 --bind 0.0.0.0:8000", None, {},
        ),
        (
            "{bot: {build: ., command: python manage.py run_bot}, app: {build: ., command: ./manage.py runserver}}",
            None, None, {"bot": "python manage.py run_bot"},
        ),
        (
            "{api: {build: ., command: 'sh -c \"python manage.py migrate && gunicorn shop.wsgi --workers 4\"'}}",
            "gunicorn shop.wsgi --workers 4 --bind 0.0.0.0:8000", "python manage.py migrate", {},
        ),
        ("{app: {build: ., command: uwsgi --socket :9000 --workers 4 --module shop.wsgi}}", None, None, {}),
        ("{app: {build: ., command: 'gunicorn --bind unix:/run/shop.sock shop.wsgi'}}", None, None, {}),
    ],
    ids=["once, and what is not Python's", "a command of the project", "a shell", "uwsgi for nginx", "a socket"],
)  # fmt: skip
def test_services_of_compose_are_told_apart_by_their_commands(
    tmp_path: Path, services: str, web: str | None, release: str | None, workers: dict[str, str]
) -> None:
    done = init(tmp_path, {**shop(), "compose.yaml": f"services: {services}\n"})
    application = done.env.application
    assert application.web.command == (tuple(web.split()) if web else None)
    assert application.release.commands == ((tuple(release.split()),) if release else Release().commands)
    assert {name: " ".join(each.command) for name, each in application.workers.items()} == workers


@pytest.mark.parametrize(
    ("line", "port"), [("bin/start", "8000"), ("sh bin/start web", "8000"), ("gunicorn shop.wsgi -b :$PORT", None)]
)
def test_a_script_that_asks_for_the_port_is_told_it(tmp_path: Path, line: str, port: str | None) -> None:
    files = {**shop(), "Procfile": f"web: {line}\n", "bin/start": "exec gunicorn shop.wsgi -b :${PORT:-80}\n"}
    assert environment(init(tmp_path, files)).get("PORT") == port


def test_an_example_of_variables_fills_what_has_no_default(tmp_path: Path) -> None:
    settings = SETTINGS + 'A = os.environ["SENDER"]\nB = os.environ["SMS_TOKEN"]\nC = os.environ["DEPTH"]\n'
    example = 'SENDER=shop@example.com # who\nSMS_TOKEN=do-not-copy\nUNREAD="yes"\nNODE_TOKEN=secret-value\n'
    done = init(tmp_path, {**shop(settings), ".env.example": example, ".env": "DEPTH=from-dot-env\n"})
    assert environment(done)["SENDER"] == "shop@example.com"
    assert dict(done.env.application.secrets) == {"SMS_TOKEN": "set"}
    assert environment(done)["DEPTH"] == ""
    assert '# UNREAD: "yes"  # .env.example:3' in done.text
    for value in ("do-not-copy", "secret-value", "from-dot-env"):
        assert value not in done.text
    assert any("opsctl secret set SMS_TOKEN" in line for line in done.said.missing)


@pytest.mark.parametrize(
    ("files", "expected", "source"),
    [
        ({".python-version": "3.12.7\n"}, "3.12", ".python-version:1"),
        ({"runtime.txt": "python-3.11.9\n"}, "3.11", "runtime.txt:1"),
        ({".tool-versions": "nodejs 22.1.0\npython 3.12.4\n"}, "3.12", ".tool-versions:2"),
        ({"Dockerfile": "FROM docker.io/library/python:3.12-alpine\nCMD gunicorn shop.wsgi\n"}, "3.12", "Dockerfile:1"),
        ({"Pipfile": '[requires]\npython_version = "3.12"\n'}, "3.12", "Pipfile:2"),
        ({"pyproject.toml": '[project]\nname = "x"\nrequires-python = ">=3.10"\n'}, "3.13", "pyproject.toml:3"),
        ({"pyproject.toml": '[tool.poetry.dependencies]\npython = ">=3.9,<3.12"\n'}, "3.11", "pyproject.toml:2"),
        ({"pyproject.toml": '[project]\nname = "x"\nrequires-python = ">=3.14"\n'}, "3.14", "pyproject.toml:3"),
    ],
)
def test_python_is_what_a_file_says(tmp_path: Path, files: dict[str, str], expected: str, source: str) -> None:
    done = init(tmp_path, {**shop(), **files})
    assert done.env.application.python == expected
    assert f"Python {expected} (from {source})" in done.said.assumed


def test_an_old_python_is_said_and_not_written(tmp_path: Path) -> None:
    done = init(tmp_path, {**shop(), "runtime.txt": "python-3.6.1\n"})
    assert done.env.application.python == "3.13"
    assert "runtime.txt:1 wants Python 3.6, and images are made with 3.9 to 3.14." in done.said.warnings
    assert "Python 3.13, opsctl's default" in done.said.assumed


@pytest.mark.parametrize("wish", [">=3.99", "==3.8.*"])
def test_a_range_without_a_python_that_images_are_made_with_is_said(tmp_path: Path, wish: str) -> None:
    done = init(tmp_path, {**shop(), "pyproject.toml": f'[project]\nname = "x"\nrequires-python = "{wish}"\n'})
    assert done.env.application.python == "3.13"
    assert any(line.startswith("pyproject.toml:3 wants Python 3.") for line in done.said.warnings)


@pytest.mark.parametrize(
    ("apps", "said"),
    [('"wagtail.search"', True), ('"wagtail.search", "django.contrib.postgres"', False), ('"blog"', False)],
)
def test_wagtails_search_needs_an_application_of_djangos(tmp_path: Path, apps: str, said: bool) -> None:
    done = init(tmp_path, shop(SETTINGS + f"INSTALLED_APPS += [{apps}]\n"))
    needed = 'Wagtail searches in PostgreSQL with "django.contrib.postgres" among INSTALLED_APPS only: add it.'
    assert (needed in done.said.warnings) == said


def test_commands_are_told_as_a_shell_takes_them(tmp_path: Path) -> None:
    done = init(tmp_path, {**shop(), "Procfile": "mail: python manage.py send --to 'a b'\n"})
    assert "worker mail runs `python manage.py send --to 'a b'` (from Procfile:1)" in done.said.assumed


def test_celery_without_any_platform_gets_its_workers(tmp_path: Path) -> None:
    files = shop(SETTINGS + "CELERY_BEAT_SCHEDULE = {}\n")
    files["requirements.txt"] += "celery\n"
    files["shop/celery.py"] = "from celery import Celery\napp = Celery('shop')\n"
    done = init(tmp_path, files)
    workers = done.env.application.workers
    assert workers["worker"].command == ("celery", "-A", "shop", "worker", "--loglevel", "info")
    assert workers["beat"].singleton
    assert "worker runs `celery -A shop worker --loglevel info` (from shop/celery.py:2)" in done.said.assumed


def test_names_that_opsctl_keeps_for_itself_are_changed(tmp_path: Path) -> None:
    done = init(tmp_path, {**shop(), "Procfile": "service: celery -A shop worker\nmy_q: a\nmyq: b\nMIGRATE: c\n"})
    assert list(done.env.application.workers) == ["service-2", "my-q", "myq-2", "migrate-2"]


def test_a_schedule_that_aws_does_not_take_is_asked_for(tmp_path: Path) -> None:
    told = '{"cron": [{"command": "python manage.py x", "schedule": "0 0 1 * 1"}]}'
    done = init(tmp_path, {**shop(), "app.json": told})
    assert done.env.application.jobs["x"].schedule is None
    assert any("'0 0 1 * 1' of app.json:1" in line for line in done.said.missing)


def test_a_build_that_writes_static_files_is_included(tmp_path: Path) -> None:
    package = '{"scripts": {"build": "esbuild js/app.js --bundle --outfile=shop/static/app.js"}}'
    done = init(tmp_path, {**shop(), "package.json": package})
    assert done.env.application.include == ("shop/static",)
    assert any("package.json:1" in line for line in done.said.assumed)


@pytest.mark.parametrize("scripts", ['{"lint": "eslint static"}', '{"build": "tsc"}', "{}", "[]"])
def test_a_package_json_without_such_a_build_counts_for_nothing(tmp_path: Path, scripts: str) -> None:
    done = init(tmp_path, {**shop(), "package.json": f'{{"scripts": {scripts}}}'})
    assert done.env.application.include == ()
    assert "package.json" not in done.text
