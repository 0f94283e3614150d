"""Variables that settings read, by each library, and what each is filled with."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import pytest

from opsctl.project.findings import Variable
from opsctl.project.pydantic_settings import fields
from opsctl.project.variables import variables
from tests.unit.project.trees import ENVIRONMENT_SETTINGS, environment, init, shop

SETTINGS = ENVIRONMENT_SETTINGS.format(package="shop")


def read(text: str) -> dict[str, Variable]:
    return {each.name: each for each in variables(ast.parse(textwrap.dedent(text)), "settings.py")}


@pytest.mark.parametrize(
    ("line", "name", "required", "default"),
    [
        ('os.environ["A_B"]', "A_B", True, None),
        ('environ["A_B"]', "A_B", True, None),
        ('os.environ.get("A_B")', "A_B", False, None),
        ('os.environ.get("A_B", "x")', "A_B", False, "x"),
        ('os.getenv("A_B", 3)', "A_B", False, "3"),
        ('getenv("lower")', "lower", False, None),
        ('env("A_B")', "A_B", True, None),
        ('env("A_B", default="x")', "A_B", False, "x"),
        ('env("A_B", default=None)', "A_B", False, None),
        ('env("A_B", str, "x")', "A_B", False, "x"),
        ('env.bool("A_B", False)', "A_B", False, "False"),
        ('env.list("A_B", default=["x", "y"])', "A_B", False, "x,y"),
        ("env.db()", "DATABASE_URL", True, None),
        ('env.db(default="sqlite:///x")', "DATABASE_URL", False, "sqlite:///x"),
        ('env.cache_url("A_B")', "A_B", True, None),
        ("env.email_url()", "EMAIL_URL", True, None),
        ("env.dj_db_url('A_B')", "A_B", True, None),
        ('config("A_B")', "A_B", True, None),
        ('config("A_B", default=True, cast=bool)', "A_B", False, "True"),
        ("dj_database_url.config()", "DATABASE_URL", False, None),
        ('dj_database_url.config(env="A_B", default="postgres://x")', "A_B", False, "postgres://x"),
        ('get_env_value("A_B")', "A_B", True, None),
        ('env_int("A_B", -1)', "A_B", False, "-1"),
        ('Env().str("A_B")', "A_B", True, None),
    ],
)
def test_each_way_to_read_one(line: str, name: str, required: bool, default: str | None) -> None:
    found = read(f"X = {line}")
    assert list(found) == [name]
    assert (found[name].required, found[name].default) == (required, default)


@pytest.mark.parametrize(
    "line",
    ['os.environ["A_B"] = "x"', 'os.environ.setdefault("A_B", "x")', 'env.read_env("A_B")', "X = os.environ[name]",
     'X = settings["A_B"]', 'X = cache.get("A_B")', 'load_dotenv("A_B")', 'X = getenv(f"A_{b}")'],
)  # fmt: skip
def test_what_reads_no_variable(line: str) -> None:
    assert read(line) == {}


def test_defaults_of_a_scheme_said_ahead_count() -> None:
    found = read('env = environ.Env(DEBUG=(bool, False), A_B=(int, 3))\nDEBUG = env("DEBUG")\nX = env("A_B")')
    assert (found["DEBUG"].required, found["DEBUG"].default, found["DEBUG"].kind) == (False, "False", "truth")
    assert (found["A_B"].default, found["A_B"].kind) == ("3", "integer")


@pytest.mark.parametrize(
    ("body", "call", "required", "default"),
    [
        ("return os.environ[name]", 'secret("A_B")', True, None),
        ("return os.environ.get(name, default)", 'secret("A_B")', False, None),
        ("return os.environ.get(name, default)", 'secret("A_B", "x")', False, "x"),
        ("value = os.getenv(name)\n    if not value:\n        raise ValueError", 'tools.secret("A_B")', True, None),
        (
            "if name not in os.environ:\n        return default\n    return os.environ[name]",
            'secret("A_B")',
            False,
            None,
        ),
        (
            "value = os.getenv(name)\n    try:\n        int(value)\n    except ValueError:\n        raise TypeError",
            'secret("A_B")',
            False,
            None,
        ),
        (
            "try:\n        return os.environ[name]\n    except KeyError:\n        raise TypeError",
            'secret("A_B")',
            True,
            None,
        ),
    ],
)
def test_a_function_of_the_projects_own_reads_what_it_is_given(
    body: str, call: str, required: bool, default: str | None
) -> None:
    for name in ("secret", "get_env_str"):  # what is called so is known by its name alone, and by what it does
        found = read(f"import os\ndef {name}(name, default=None):\n    {body}\nX = {call}".replace("secret", name))
        assert list(found) == ["A_B"]
        assert (found["A_B"].required, found["A_B"].default) == (required, default)


def test_a_function_that_is_told_what_is_required_is_taken_at_its_word() -> None:
    function = "def get_env(name, default=None, required=False):\n    value = os.environ.get(name, default)\n"
    function += "    if required and not value:\n        raise ValueError\n    return value\n"
    found = read(f'import os\n{function}X = get_env("A_B")\nY = get_env("C_D", required=True)')
    assert (found["A_B"].required, found["C_D"].required) == (False, True)


def test_a_function_that_makes_other_names_of_what_it_is_given_reads_none_of_this_name() -> None:
    function = 'def get_env_login(name):\n    return os.environ.get(f"SHOP_{name}_USER")\n'
    assert read(f'import os\n{function}X = get_env_login("GITHUB")') == {}


def test_a_function_of_another_file_is_known_too(tmp_path: Path) -> None:
    tools = "import os\ndef secret(key, default):\n    return os.environ.get(key, default)\n"
    settings = 'from shop.tools import secret\nDATABASES = {"default": {"HOST": secret("SHOP_SERVER", "")}}\n'
    done = init(tmp_path, {**shop(SETTINGS + settings), "shop/tools.py": tools})
    assert environment(done)["SHOP_SERVER"] == "${database.host}"


def test_a_prefix_of_environs_is_put_before() -> None:
    assert list(read('with env.prefixed("MY_"):\n    with env.prefixed("DB_"):\n        X = env.str("HOST")')) == [
        "MY_DB_HOST"
    ]


@pytest.mark.parametrize(
    ("text", "required"),
    [
        ('if USE_S3:\n    X = os.environ["A_B"]', False),
        ('if DEBUG:\n    X = os.environ["A_B"]', False),
        ('if DEBUG:\n    X = 1\nelse:\n    X = os.environ["A_B"]', True),
        ('if not DEBUG:\n    X = os.environ["A_B"]', True),
        ('if PRODUCTION:\n    X = os.environ["A_B"]', True),
        ('try:\n    X = os.environ["A_B"]\nexcept KeyError:\n    X = 1', False),
        ('try:\n    X = os.environ["A_B"]\nexcept KeyError:\n    raise SystemExit', True),
        ('def f():\n    return os.environ["A_B"]', False),
        ('X = os.environ["A_B"] or "x"', True),
        ('X = os.environ["A_B"]\nY = os.environ.get("A_B", "x")', True),
        ('if os.environ.get("A_B"):\n    X = os.environ["A_B"]', False),
    ],
)
def test_what_production_needs_is_required(text: str, required: bool) -> None:
    assert read(text)["A_B"].required is required


SPLIT = ("import environ\nenv = environ.Env(PAGES=(int, 20))\n" + SETTINGS).replace("shop.", "config.")
PRODUCTION = "from config.settings.base import *\nfrom config.settings.base import env\n"


def split(base: str, production: str) -> dict[str, str]:
    files = shop(SPLIT + base)
    files["config/__init__.py"] = files["config/settings/__init__.py"] = ""
    files["config/settings/base.py"] = files.pop("shop/settings.py")
    files["config/settings/production.py"] = PRODUCTION + production
    files["config/wsgi.py"] = files.pop("shop/wsgi.py").replace("shop.settings", "config.settings.production")
    return files


def test_a_default_of_the_base_does_not_help_where_production_reads_again_without(tmp_path: Path) -> None:
    """As the big template has it: the broker falls back to a developer's, the cache does not."""
    base = 'BROKER = env("REDIS_URL", default="redis://redis:6379/0")\n'
    production = 'CACHES = {"default": {"LOCATION": env("REDIS_URL")}}\n'
    done = init(tmp_path, split(base, production))
    assert dict(done.env.application.secrets) == {"REDIS_URL": "set"}
    assert "The secret REDIS_URL (read at config/settings/production.py:3): `opsctl secret set REDIS_URL`." in (
        done.said.missing
    )


def test_a_scheme_of_the_base_counts_where_production_reads(tmp_path: Path) -> None:
    done = init(tmp_path, split("", 'PAGES = env("PAGES")\n'))
    assert done.said.missing == ()
    assert '# PAGES: "20"  # config/settings/production.py:3' in done.text


def test_pydantic_settings_are_read_by_prefix_alias_and_use() -> None:
    text = """\
        class Config(BaseSettings):
            model_config = SettingsConfigDict(env_prefix="shop_")
            token: str
            hosts: list[str]
            level: int = 3
            other: str = Field(validation_alias="PLAIN_NAME")
            later: str = Field(default="x")
        class Unrelated:
            nothing: str
        config = Config()
        ALLOWED_HOSTS = config.hosts
        """
    tree = ast.parse(textwrap.dedent(text))
    found = {each.name: each for each in fields(tree, "x.py", {"x.py": tree})}
    assert list(found) == ["SHOP_TOKEN", "SHOP_HOSTS", "SHOP_LEVEL", "PLAIN_NAME", "SHOP_LATER"]
    assert [each.required for each in found.values()] == [True, True, False, True, False]
    assert (found["SHOP_HOSTS"].kind, found["SHOP_HOSTS"].targets[0].setting) == ("json", "ALLOWED_HOSTS")


def test_pydantic_settings_of_another_module_fill_the_settings(tmp_path: Path) -> None:
    files = shop(
        SETTINGS.replace('os.environ["ALLOWED_HOSTS"].split(",")', "conf.hosts") + "from shop.conf import conf\n"
    )
    files["shop/conf.py"] = "class Conf(BaseSettings):\n    hosts: list[str]\nconf = Conf()\n"
    assert environment(init(tmp_path, files))["HOSTS"] == "${web.hosts/json}"


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ('SECRET_KEY = env("MY_THING")', "MY_THING", "${secret_key}"),
        ('ALLOWED_HOSTS = os.environ["SITES"].split()', "SITES", "${web.hosts/space}"),
        ('ALLOWED_HOSTS = os.environ["SITES"].split(" ")', "SITES", "${web.hosts/space}"),
        ('ALLOWED_HOSTS = os.environ["SITES"].split(";")', "SITES", "${web.host}"),
        ('ALLOWED_HOSTS = json.loads(os.environ["SITES"])', "SITES", "${web.hosts/json}"),
        ('ALLOWED_HOSTS = [os.environ["SITES"]]', "SITES", "${web.host}"),
        ('ALLOWED_HOSTS = ["localhost"] + os.environ["SITES"].split(",")', "SITES", "${web.hosts}"),
        ('ALLOWED_HOSTS.append(os.environ["SITES"])', "SITES", "${web.host}"),
        ('CSRF_TRUSTED_ORIGINS = env.list("TRUST")', "TRUST", "${web.origins}"),
        ('X = env("SITE_URL")', "SITE_URL", "${web.url}"),
        ('X = env("DOMAIN_NAME")', "DOMAIN_NAME", "${web.host}"),
        ('DEBUG = int(os.environ.get("DBG", 1))', "DBG", "0"),
        ('DEBUG = bool(os.environ.get("DBG", True))', "DBG", ""),
        ('DEBUG = env.bool("DBG")', "DBG", "False"),
        ('SECURE_SSL_REDIRECT = env.bool("REDIRECT", True)', "REDIRECT", "${web.tls}"),
        ('DATABASES = {"default": {"HOST": env("ANY_NAME")}}', "ANY_NAME", "${database.host}"),
        ('DATABASES = {"default": {"ENGINE": env("ANY_NAME")}}', "ANY_NAME", "django.db.backends.postgresql"),
        ('DATABASES = {"default": {"OPTIONS": {"sslmode": env("ANY_NAME")}}}', "ANY_NAME", "${database.sslmode}"),
        ('DATABASES["replica"] = {"HOST": env("ANY_NAME")}', "ANY_NAME", "${replica.host}"),
        ('DATABASES = dict(default=dict(PORT=env("ANY_NAME")))', "ANY_NAME", "${database.port}"),
        ('pw = env("WORD")\nDATABASES = {"default": {"PASSWORD": pw}}', "WORD", "${database.password}"),
        ('X = env("POSTGRES_PASSWORD")', "POSTGRES_PASSWORD", "${database.password}"),
        ("X = f\"postgres://{env('DB_USER')}@x\"", "DB_USER", "${database.user}"),
        ('AWS_STORAGE_BUCKET_NAME = env("UPLOADS")', "UPLOADS", "${buckets.media}"),
        ('STORAGES = {"default": {"OPTIONS": {"bucket_name": env("UPLOADS")}}}', "UPLOADS", "${buckets.media}"),
        ('AWS_S3_REGION_NAME = env("WHERE")', "WHERE", "${region}"),
        ('AWS_ACCESS_KEY_ID = env("AWS_ACCESS_KEY_ID")', "AWS_ACCESS_KEY_ID", ""),
        ('X = env.int("SOME_NUMBER")', "SOME_NUMBER", "0"),
    ],
)
def test_a_meaning_fills_it(tmp_path: Path, line: str, name: str, value: str) -> None:
    done = init(tmp_path, shop(SETTINGS + line + "\n"))
    assert environment(done)[name] == value
    assert ("media" in done.env.application.buckets) == ("buckets" in value)


@pytest.mark.parametrize(
    "name", ["STRIPE_API_KEY", "SENTRY_DSN", "SMTP_PASSWORD", "GH_TOKEN", "REDIS_URL", "CELERY_BROKER_URL"]
)
def test_what_others_may_not_see_is_a_secret(tmp_path: Path, name: str) -> None:
    done = init(tmp_path, shop(SETTINGS + f'X = env("{name}")\n'))
    assert dict(done.env.application.secrets) == {name: "set"}
    assert name not in environment(done)


@pytest.mark.parametrize(
    "name", ["REDIS_DB_HOST", "MYSQL_DB_NAME", "TOKEN_LIFETIME", "PASSWORD_MIN_LENGTH", "FRONTEND_URL"]
)
def test_what_only_looks_alike_is_asked_for(tmp_path: Path, name: str) -> None:
    done = init(tmp_path, shop(SETTINGS + f'X = env("{name}")\n'))
    assert environment(done)[name] == ""
    assert any(line.startswith(f"{name} has no default") for line in done.said.missing)


def test_defaults_stand_as_comments_but_not_those_of_secrets(tmp_path: Path) -> None:
    settings = SETTINGS + 'A = env("PAGE_SIZE", default="20")\nB = env("API_TOKEN", default="hunter2")\n'
    done = init(tmp_path, shop(settings))
    assert '# PAGE_SIZE: "20"  # shop/settings.py:10' in done.text
    assert '# API_TOKEN: ""' in done.text
    assert "hunter2" not in done.text
    assert not {"PAGE_SIZE", "API_TOKEN"} & set(environment(done))


def test_a_default_of_sqlite_is_no_wish(tmp_path: Path) -> None:
    settings = SETTINGS.replace("dj_database_url.config()", 'dj_database_url.config(default="sqlite:///db.sqlite3")')
    done = init(tmp_path, shop(settings))
    assert environment(done)["DATABASE_URL"] == "${database.url}"
    assert done.said.missing == ()


@pytest.mark.parametrize(
    ("hosts", "place"),
    [
        ('["shop.example.org"]', "missing"),
        ('("shop.example.org", "127.0.0.1")', "warnings"),
        ('["*"]', ""),
        ("[]", "missing"),
    ],
)
def test_hosts_that_are_written_out_have_to_know_this_machine(tmp_path: Path, hosts: str, place: str) -> None:
    written = SETTINGS.replace('os.environ["ALLOWED_HOSTS"].split(",")', hosts)
    said = init(tmp_path, shop(written)).said
    lines = {"missing": said.missing, "warnings": said.warnings}
    assert [name for name, each in lines.items() if "ALLOWED_HOSTS is written out" in "".join(each)] == (
        [place] if place else []
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("SECURE_SSL_REDIRECT = True", True),
        ("if not DEBUG:\n    SECURE_SSL_REDIRECT = True", True),
        ("SECURE_SSL_REDIRECT = False", False),
        ('SECURE_SSL_REDIRECT = os.environ.get("SECURE_SSL_REDIRECT") == "True"', False),
    ],
)
def test_a_redirect_to_https_that_is_written_out_leaves_no_page_without_it(
    tmp_path: Path, line: str, said: bool
) -> None:
    done = init(tmp_path, shop(f"{SETTINGS}{line}\n"))
    assert any(each.startswith("SECURE_SSL_REDIRECT is written out at") for each in done.said.missing) is said
    assert (environment(done).get("SECURE_SSL_REDIRECT") == "${web.tls}") is ("environ" in line or said)


def test_the_path_of_a_sqlite_file_is_not_taken_for_a_database(tmp_path: Path) -> None:
    database = '{"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ.get("DB_NAME", "x")}}'
    settings = SETTINGS.replace('{"default": dj_database_url.config()}', database)
    done = init(tmp_path, shop(settings))
    assert "DB_NAME" not in environment(done)
    assert any("SQLite is written out at shop/settings.py:8" in line for line in done.said.missing)


def test_dollars_and_odd_characters_of_others_stay_text(tmp_path: Path) -> None:
    settings = SETTINGS + 'X = os.environ["PRICE"]\nY = os.environ["NOTE"]\n'
    done = init(tmp_path, {**shop(settings), "fly.toml": '[env]\nPRICE = "5 # ${x}"\nNOTE = "a: \'b\' \\"c\\""\n'})
    assert environment(done)["PRICE"] == "5 # $${x}"
    assert environment(done)["NOTE"] == "a: 'b' \"c\""


def test_an_optional_bucket_is_left_to_projects_that_have_storages(tmp_path: Path) -> None:
    files = shop(SETTINGS + 'AWS_STORAGE_BUCKET_NAME = os.environ.get("AWS_STORAGE_BUCKET_NAME")\n')
    assert "AWS_STORAGE_BUCKET_NAME" not in environment(init(tmp_path / "without", files))
    files["requirements.txt"] += "django-storages[s3]\n"
    assert environment(init(tmp_path / "with", files))["AWS_STORAGE_BUCKET_NAME"] == "${buckets.media}"


CONFIGURATIONS = """\
from configurations import Configuration, values
class Base(Configuration):
    SECRET_KEY = values.SecretValue()
    DEBUG = values.BooleanValue(False)
    ALLOWED_HOSTS = values.ListValue([])
    DATABASES = values.DatabaseURLValue("postgres://localhost/shop")
    INSTALLED_APPS = ["django.contrib.staticfiles"]
class Dev(Base):
    DEBUG = True
    MAILBOX = values.Value(environ_required=True)
class Production(Base):
    SENTRY_DSN = values.Value(environ_prefix=None, environ_required=True)
    SITE = values.Value("shop", environ_name="SITE_TITLE", environ_prefix="MY_")
    PLAIN = values.Value("x", environ=False)
"""


def test_values_of_django_configurations_are_read_of_the_class_that_serves(tmp_path: Path) -> None:
    wsgi = 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n'
    wsgi += 'os.environ.setdefault("DJANGO_CONFIGURATION", "Production")\n'
    done = init(tmp_path, {**shop(CONFIGURATIONS), "shop/wsgi.py": wsgi})
    assert environment(done) == {
        "DJANGO_SECRET_KEY": "${secret_key}", "DJANGO_DEBUG": "False", "DJANGO_ALLOWED_HOSTS": "${web.hosts}",
        "DATABASE_URL": "${database.url}", "DJANGO_CONFIGURATION": "Production",
    }  # fmt: skip
    assert dict(done.env.application.secrets) == {"SENTRY_DSN": "set"}
    assert "# MY_SITE_TITLE: shop" in done.text
    assert "PLAIN" not in done.text
    assert [line for line in done.said.missing if "SENTRY_DSN" not in line] == []


def test_dynaconf_takes_any_setting_from_a_variable(tmp_path: Path) -> None:
    settings = 'INSTALLED_APPS = ["django.contrib.staticfiles"]\nimport dynaconf\ndynaconf.DjangoDynaconf(__name__)\n'
    done = init(tmp_path, {**shop(settings), "settings.toml": "[default]\nX = 1\n[production]\nX = 2\n"})
    assert environment(done) == {
        "DJANGO_SECRET_KEY": "${secret_key}", "DJANGO_DEBUG": "false", "DJANGO_ALLOWED_HOSTS": "${web.hosts/json}",
        "DJANGO_DATABASES__default__ENGINE": "django.db.backends.postgresql",
        "DJANGO_DATABASES__default__NAME": "${database.name}", "DJANGO_DATABASES__default__USER": "${database.user}",
        "DJANGO_DATABASES__default__PASSWORD": "${database.password}",
        "DJANGO_DATABASES__default__HOST": "${database.host}", "DJANGO_DATABASES__default__PORT": "${database.port}",
        "DJANGO_ENV": "production",
    }  # fmt: skip
    assert (done.said.missing, "release:" in done.text) == ((), False)
