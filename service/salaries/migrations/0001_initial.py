# ruff: noqa: RUF012


import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="DatasetRelease",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("checksum", models.CharField(max_length=64)),
                ("row_count", models.BigIntegerField()),
                ("kind", models.CharField(max_length=10)),
                ("sources", models.JSONField(default=dict)),
                ("build", models.JSONField(default=dict)),
            ],
            options={
                "ordering": ("-id",),
            },
        ),
        migrations.CreateModel(
            name="SalaryRoleAggregate",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "release_id", "role", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("role", models.CharField(max_length=100)),
                ("summary", models.TextField()),
                ("insights", models.TextField()),
                (
                    "release",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="salaries.datasetrelease",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ActiveRelease",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("activated_at", models.DateTimeField(auto_now=True)),
                (
                    "release",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="salaries.datasetrelease"
                    ),
                ),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="one_active_release")],
            },
        ),
        migrations.CreateModel(
            name="SalaryFacet",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "release_id", "field", "value", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("field", models.CharField(max_length=20)),
                ("value", models.CharField(max_length=100)),
                ("folded", models.CharField(max_length=300)),
                (
                    "release",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="salaries.datasetrelease",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["release", "field", "folded"], name="facet_folded")],
            },
        ),
        migrations.CreateModel(
            name="SalaryObservation",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "release_id", "position", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("position", models.BigIntegerField()),
                ("source", models.CharField(max_length=100)),
                ("role", models.CharField(max_length=100)),
                ("level", models.CharField(max_length=100)),
                ("location", models.CharField(max_length=100)),
                ("state", models.CharField(max_length=100)),
                ("country", models.CharField(max_length=100)),
                ("currency", models.CharField(max_length=10)),
                ("work_model", models.CharField(max_length=100)),
                ("base_min_cents", models.BigIntegerField()),
                ("base_max_cents", models.BigIntegerField()),
                ("total_cents", models.BigIntegerField()),
                ("observed_at", models.DateField(null=True)),
                (
                    "release",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="salaries.datasetrelease",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["release", "role", "state"], name="observation_role_state")],
            },
        ),
    ]
