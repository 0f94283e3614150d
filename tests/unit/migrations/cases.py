"""Migration operations with the verdict that a person gave each of them: can code of the release before go on?

The model before every operation is NOTE; `operation` is what the next migration does to it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

NOTE = """
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel(
            name="Author",
            fields=[("id", models.BigAutoField(primary_key=True)), ("name", models.CharField(max_length=20))],
        ),
        migrations.CreateModel(
            name="Note",
            fields=[
                ("id", models.AutoField(primary_key=True)),
                ("text", models.CharField(max_length=20)),
                ("long", models.TextField(default="")),
                ("maybe", models.CharField(max_length=20, null=True)),
                ("count", models.IntegerField(default=0)),
                ("price", models.DecimalField(max_digits=8, decimal_places=2, default=0)),
                ("born", models.DateTimeField(null=True)),
                ("kept", models.IntegerField(db_column="kept_as", default=0)),
                ("ready", models.IntegerField(db_default=7)),
                ("author", models.ForeignKey("notes.Author", models.CASCADE, null=True)),
                ("readers", models.ManyToManyField("notes.Author", related_name="reads")),
            ],
            options={"unique_together": {("text", "count")}},
        ),
        migrations.AddIndex("note", models.Index(fields=["text"], name="by_text")),
        migrations.AddConstraint("note", models.CheckConstraint(condition=models.Q(count__gte=0), name="positive")),
        migrations.CreateModel(
            name="View", fields=[("id", models.AutoField(primary_key=True))], options={"managed": False},
        ),
        migrations.CreateModel(name="Old", fields=[("id", models.AutoField(primary_key=True))]),
    ]
"""


class Case(NamedTuple):
    """`why` is a part of the reason that is told; `run`: old code is tried against it on PostgreSQL as well."""

    operation: str
    verdict: Literal["additive", "breaking", "unknown"]
    why: str = ""
    run: bool = True


def _adds(field: str) -> str:
    return f'migrations.AddField("note", "more", {field})'


def _alters(name: str, field: str) -> str:
    return f'migrations.AlterField("note", "{name}", {field})'


CASES = (
    # Models.
    Case('migrations.CreateModel("Tag", [("id", models.AutoField(primary_key=True))])', "additive"),
    Case('migrations.DeleteModel("Note")', "breaking", "removes Note, which"),
    Case('migrations.DeleteModel(name="View")', "additive"),
    Case('migrations.RenameModel("Note", "Memo")', "breaking", "renames Note to Memo"),
    Case('migrations.AlterModelTable("note", "memo")', "breaking", "renames the table of Note"),
    Case('migrations.AlterModelTable("view", "memo")', "additive"),
    Case('migrations.AlterModelTableComment("note", "what people wrote")', "additive"),
    Case('migrations.AlterModelOptions("note", {"ordering": ["text"]})', "additive"),
    Case('migrations.AlterModelManagers("note", [])', "additive", run=False),
    Case('migrations.AlterOrderWithRespectTo("note", "author")', "breaking", "_order"),
    Case('migrations.AlterUniqueTogether("note", {("text", "count"), ("maybe", "count")})', "breaking", "unique"),
    Case('migrations.AlterUniqueTogether("note", {("text", "count")})', "additive"),
    Case('migrations.AlterUniqueTogether("note", set())', "additive"),
    Case('migrations.AlterUniqueTogether("note", GROUPS)', "unknown", "only running it", run=False),
    # Fields that are added.
    Case(_adds("models.IntegerField(null=True)"), "additive"),
    Case(_adds("models.IntegerField()"), "breaking", "NOT NULL without db_default", run=False),
    Case(_adds("models.IntegerField(default=1)"), "breaking", "NOT NULL without db_default"),
    Case(_adds("models.IntegerField(db_default=1)"), "additive"),
    Case(_adds("models.CharField(max_length=5, blank=True, default='')"), "breaking", "adds Note.more NOT NULL"),
    Case(_adds("models.CharField(max_length=5, null=True, unique=True)"), "additive"),
    Case(_adds("models.CharField(max_length=5, db_default='x', unique=True)"), "breaking", "second row", run=False),
    Case(_adds("models.ManyToManyField('notes.Author')"), "additive"),
    Case(_adds("models.ForeignKey('notes.Author', models.CASCADE, null=True, related_name='+')"), "additive"),
    Case(_adds("models.ForeignKey('notes.Author', models.CASCADE)"), "breaking", "NOT NULL", run=False),
    Case(_adds("models.GeneratedField(expression=models.F('count') + 1, output_field=models.IntegerField(), "
               "db_persist=True)"), "additive"),
    Case(_adds("models.IntegerField(null=NULLABLE)"), "unknown", "only running it", run=False),
    Case(_adds("models.IntegerField(**OPTIONS)"), "unknown", "only running it", run=False),
    Case(_adds("colours.ColourField(null=True)"), "additive", run=False),
    Case(_adds("colours.ColourField(default='red')"), "breaking", "NOT NULL", run=False),
    # Fields that go, or are called otherwise.
    Case('migrations.RemoveField("note", "maybe")', "breaking",
         "removes Note.maybe, which the release before still reads"),
    Case('migrations.RemoveField("note", "readers")', "breaking", "removes Note.readers"),
    Case('migrations.RemoveField("view", "id")', "additive", run=False),
    Case('migrations.RenameField("note", "text", "words")', "breaking", "renames Note.text to words"),
    Case('migrations.RenameField("note", "kept", "held")', "additive"),
    Case('migrations.RenameField("note", "readers", "people")', "breaking", "renames Note.readers"),
    # Fields that are altered.
    Case(_alters("maybe", "models.CharField(max_length=20)"), "breaking", "to NOT NULL"),
    Case(_alters("maybe", "models.CharField(max_length=20, default='')"), "breaking", "to NOT NULL"),
    Case(_alters("text", "models.CharField(max_length=20, null=True)"), "additive"),
    Case(_alters("text", "models.CharField(max_length=5)"), "breaking", "from CharField(20) to CharField(5)"),
    Case(_alters("text", "models.CharField(max_length=40)"), "additive"),
    Case(_alters("text", "models.CharField()"), "additive"),
    Case(_alters("text", "models.TextField()"), "additive"),
    Case(_alters("text", "models.SlugField()"), "additive"),
    Case(_alters("text", "models.CharField(max_length=LENGTH)"), "unknown", "max_length", run=False),
    Case(_alters("long", "models.CharField(max_length=10, default='')"), "breaking", "from TextField to CharField(10)"),
    Case(_alters("text", "models.CharField(max_length=20, unique=True)"), "breaking", "to unique"),
    Case(_alters("text", "models.CharField(max_length=20, choices=[('a', 'A')], help_text='Few words')"), "additive"),
    Case(_alters("text", "models.CharField(max_length=20, db_column='words')"), "breaking", "another name"),
    Case(_alters("text", "models.CharField(max_length=20, db_index=True)"), "additive"),
    Case(_alters("count", "models.BigIntegerField(default=0)"), "additive"),
    Case(_alters("count", "models.SmallIntegerField(default=0)"), "breaking", "from IntegerField to SmallIntegerField"),
    Case(_alters("ready", "models.PositiveIntegerField(db_default=7)"), "breaking", "to PositiveIntegerField"),
    Case(_alters("count", "models.TextField(default='')"), "breaking", "from IntegerField to TextField", run=False),
    Case(_alters("ready", "models.IntegerField()"), "breaking", "no db_default"),
    Case(_alters("ready", "models.IntegerField(db_default=8)"), "additive"),
    Case(_alters("price", "models.DecimalField(max_digits=10, decimal_places=2, default=0)"), "additive"),
    Case(_alters("price", "models.DecimalField(max_digits=6, decimal_places=2, default=0)"), "breaking",
         "numeric(6, 2)"),
    Case(_alters("price", "models.DecimalField(max_digits=8, decimal_places=4, default=0)"), "breaking",
         "numeric(8, 4)"),
    Case(_alters("born", "models.DateField(null=True)"), "breaking", "from DateTimeField to DateField", run=False),
    Case(_alters("id", "models.BigAutoField(primary_key=True)"), "additive"),
    Case(_alters("author", "models.ForeignKey('notes.Author', models.SET_NULL, null=True)"), "additive"),
    Case(_alters("author", "models.OneToOneField('notes.Author', models.CASCADE, null=True)"), "breaking", "unique"),
    Case(_alters("author", "models.ForeignKey('notes.Old', models.CASCADE, null=True)"), "breaking", "to ForeignKey"),
    Case(_alters("author", "models.ForeignKey('notes.author', models.CASCADE, null=True, db_constraint=False)"),
         "additive"),
    Case(_alters("nowhere", "models.TextField()"), "unknown", "how it was before", run=False),
    Case(_alters("text", "colours.ColourField()"), "unknown", "ColourField", run=False),
    # Indexes and constraints.
    Case('migrations.AddIndex("note", models.Index(fields=["count"], name="by_count"))', "additive"),
    Case('migrations.RemoveIndex("note", "by_text")', "additive"),
    Case('migrations.RenameIndex("note", new_name="by_words", old_name="by_text")', "additive"),
    Case('AddIndexConcurrently("note", models.Index(fields=["count"], name="by_count"))', "additive", run=False),
    Case('migrations.AddConstraint("note", models.UniqueConstraint(fields=["text"], name="once"))', "breaking",
         "adds the constraint once to Note"),
    Case('migrations.AddConstraint("note", models.CheckConstraint(condition=models.Q(count__gte=5), name="many"))',
         "breaking", "adds the constraint many"),
    Case('migrations.RemoveConstraint("note", "positive")', "additive"),
    Case('AddConstraintNotValid("note", models.CheckConstraint(condition=models.Q(count__gte=5), name="many"))',
         "breaking", "many", run=False),
    Case('ValidateConstraint("note", "many")', "additive", run=False),
    Case("TrigramExtension()", "additive", run=False),
    # What only its author can judge.
    Case('migrations.RunSQL("drop table notes_author")', "unknown", "runs SQL", run=False),
    Case('migrations.RunSQL(migrations.RunSQL.noop, "select 1")', "additive", run=False),
    Case("migrations.RunPython(forwards)", "unknown", "runs Python", run=False),
    Case("migrations.RunPython(migrations.RunPython.noop, backwards)", "additive", run=False),
    Case("OurOperation()", "unknown", "does not know (OurOperation)", run=False),
    Case("OPERATION", "unknown", "only running it", run=False),
    # What is done to the database is not what Django is told.
    Case('migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField("note", "maybe")])', "additive"),
    Case('migrations.SeparateDatabaseAndState([migrations.RemoveField("note", "maybe")], [])', "breaking",
         "Note.maybe"),
    Case('migrations.SeparateDatabaseAndState([migrations.RunSQL("select 1")], [])', "unknown", "runs SQL", run=False),
    Case("migrations.SeparateDatabaseAndState(database_operations=LATER)", "unknown", "only running it", run=False),
)  # fmt: skip
