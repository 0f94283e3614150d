"""What a build sees in place of an application's values."""

from __future__ import annotations

import pytest

from opsctl.config.application import Application
from opsctl.images.python.harmless import build_environment


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SENTRY_DSN", "https://build@localhost/1"),
        ("REDIS_URL", "redis://localhost/0"),
        ("CELERY_BROKER", "redis://localhost/0"),
        ("CACHE_URL", "redis://localhost/0"),
        ("RABBITMQ_URL", "amqp://localhost"),
        ("AMQP_BROKER", "amqp://localhost"),
        ("EMAIL_URL", "smtp://localhost"),
        ("OLD_DATABASE_URL", "postgres://build@localhost/build"),
        ("MONGODB_URI", "mongodb://localhost/build"),
        ("CLOUDINARY_URL", "cloudinary://build:build@build"),
        ("STRIPE_API_KEY", "x" * 64),
        ("REDIS_PASSWORD", "x" * 64),
    ],
)
def test_a_secret_is_an_address_where_its_name_says_so(name: str, value: str) -> None:
    """Settings take addresses apart while they are read, and refuse what is none."""
    application = Application(secrets=[name], environment={"OTHER": f"${{secrets.{name}}}"})  # type: ignore[arg-type]
    seen = build_environment(application)
    assert (seen[name], seen["OTHER"]) == (value, value)


def test_a_secret_among_other_text_keeps_the_text() -> None:
    given = {"EMAIL_URL": "smtp://me:${secrets.SMTP_TOKEN}@mail.example.com:587"}
    seen = build_environment(Application(secrets=["SMTP_TOKEN"], environment=given))  # type: ignore[arg-type]
    assert seen["EMAIL_URL"] == f"smtp://me:{'x' * 64}@mail.example.com:587"


def test_a_value_of_the_build_alone_comes_first() -> None:
    block = {"secrets": ["REDIS_URL"], "build": {"environment": {"REDIS_URL": "locmem://"}}}
    assert build_environment(Application.model_validate(block))["REDIS_URL"] == "locmem://"
