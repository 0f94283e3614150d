# ruff: noqa: RUF012
"""The history of activations, begun with what releases and pointer tell of the time before it."""

from typing import Any

from django.db import migrations, models


def begin_history(apps: Any, editor: Any) -> None:
    """Every load was made active; a pointer that is not at the newest release was put there by a rollback."""
    using = editor.connection.alias
    releases = list(apps.get_model("salaries", "DatasetRelease").objects.using(using).order_by("id"))
    pointer = apps.get_model("salaries", "ActiveRelease").objects.using(using).select_related("release").first()
    flips = [(release.created_at, release.kind, release) for release in releases]
    if pointer and pointer.release_id != releases[-1].id:
        flips.append((pointer.activated_at, "rollback", pointer.release))
    history = apps.get_model("salaries", "DatasetActivation").objects.using(using)
    left = None
    for at, how, release in flips:
        history.create(
            at=at,
            how=how,
            release_number=release.id,
            checksum=release.checksum,
            left_number=left and left.id,
            left_checksum=left and left.checksum,
            left_row_count=left and left.row_count,
        )
        left = release


class Migration(migrations.Migration):
    dependencies = [("salaries", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="DatasetActivation",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("how", models.CharField(max_length=10)),
                ("release_number", models.BigIntegerField()),
                ("checksum", models.CharField(max_length=64)),
                ("left_number", models.BigIntegerField(null=True)),
                ("left_checksum", models.CharField(max_length=64, null=True)),
                ("left_row_count", models.BigIntegerField(null=True)),
            ],
            options={"ordering": ("-id",)},
        ),
        migrations.RunPython(begin_history, migrations.RunPython.noop),
    ]
