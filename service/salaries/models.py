"""Tables: immutable dataset releases, one pointer to the active one, and what is read through it.

Money is stored as whole cents: sums, averages and percentiles are then exact and the same on every database, which
neither SQLite's REAL nor a double-precision percentile of decimals can promise. Readers never update these rows; a
release is written once, in one transaction, and later deleted as a whole.
"""

from __future__ import annotations

from django.db import models

TEXT_LIMIT = 100
CURRENCY_LIMIT = 10


class DatasetRelease(models.Model):
    """One load: what was loaded, from what, and when. Its rows carry its id and never change."""

    id = models.BigAutoField(primary_key=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # SHA-256 of the sorted rows: the same rows have the same checksum, whatever order they came in.
    checksum = models.CharField(max_length=64)
    row_count = models.BigIntegerField()
    kind = models.CharField(max_length=10)  # load or append
    sources = models.JSONField(default=dict)  # rows by source
    build = models.JSONField(default=dict)  # the build's report: files, checksums, counts, rejects by reason
    # Sources and roles as the catalogue shows them, JSON; null when a version without it made the release.
    catalogue = models.TextField(null=True)

    class Meta:
        """Newest first is how people read releases."""

        ordering = ("-id",)

    def __str__(self) -> str:
        """Return the release's name as people type it."""
        return f"r{self.id}"


class ActiveRelease(models.Model):
    """The one pointer every reader follows; flipping it in the loading transaction is what publishes a release."""

    ONLY_ID = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY_ID)
    release = models.ForeignKey(DatasetRelease, on_delete=models.PROTECT, related_name="+")
    activated_at = models.DateTimeField(auto_now=True)

    class Meta:
        """The database itself refuses a second pointer."""

        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="one_active_release"),)

    def __str__(self) -> str:
        """Return which release is active."""
        return f"active: r{self.release_id}"


class DatasetActivation(models.Model):
    """One flip of the pointer. It outlives the releases that it names: rows that were rolled back from stay known."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    how = models.CharField(max_length=10)  # load, append or rollback
    # NOTE: numbers, not foreign keys, as old releases are deleted.
    release_number = models.BigIntegerField()
    checksum = models.CharField(max_length=64)
    # What was active before; null for the first.
    left_number = models.BigIntegerField(null=True)
    left_checksum = models.CharField(max_length=64, null=True)
    left_row_count = models.BigIntegerField(null=True)

    class Meta:
        """Newest first, as a history is read."""

        ordering = ("-id",)

    def __str__(self) -> str:
        """Return what was activated, and how."""
        return f"r{self.release_number} by {self.how}"

    @property
    def gave_up(self) -> bool:
        """Tell whether what was active before was rolled back from; going forward again gives nothing up."""
        return self.how == "rollback" and self.left_number is not None and self.left_number > self.release_number


class SalaryObservation(models.Model):
    """One salary, in cents. `position` is its place in the release's sorted rows."""

    pk = models.CompositePrimaryKey("release_id", "position")
    # NOTE: no database constraint: PostgreSQL would queue one deferred trigger event a row, in memory, during COPY.
    release = models.ForeignKey(
        DatasetRelease, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    position = models.BigIntegerField()
    source = models.CharField(max_length=TEXT_LIMIT)
    role = models.CharField(max_length=TEXT_LIMIT)
    level = models.CharField(max_length=TEXT_LIMIT)
    location = models.CharField(max_length=TEXT_LIMIT)
    state = models.CharField(max_length=TEXT_LIMIT)
    country = models.CharField(max_length=TEXT_LIMIT)
    currency = models.CharField(max_length=CURRENCY_LIMIT)
    work_model = models.CharField(max_length=TEXT_LIMIT)
    base_min_cents = models.BigIntegerField()
    base_max_cents = models.BigIntegerField()
    total_cents = models.BigIntegerField()
    observed_at = models.DateField(null=True)

    class Meta:
        """Every live query names a release and a role. Rows are stored in the order of the index."""

        # Rows that a filter leaves out are told by the index alone, and those it keeps lie side by side.
        indexes = (
            models.Index(fields=("release", "role", "state", "level", "work_model"), name="observation_role_filters"),
        )

    def __str__(self) -> str:
        """Return what kind of row this is."""
        return f"{self.role} ({self.source})"


class SalaryFacet(models.Model):
    """A distinct value of a filterable column, with its case-folded form.

    In a field `only COLUMN` it is a role, with the folded value of the column that every row of the role has.

    Case is folded in Python when a release is made, because databases disagree about it (SQLite folds ASCII only,
    PostgreSQL by locale); rows then need no folded copies and a filter becomes `column IN (values)`.
    """

    pk = models.CompositePrimaryKey("release_id", "field", "value")
    release = models.ForeignKey(
        DatasetRelease, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    field = models.CharField(max_length=20)
    value = models.CharField(max_length=TEXT_LIMIT)
    folded = models.CharField(max_length=3 * TEXT_LIMIT)

    class Meta:
        """Looked up by folded form."""

        indexes = (models.Index(fields=("release", "field", "folded"), name="facet_folded"),)

    def __str__(self) -> str:
        """Return the column and the value."""
        return f"{self.field}={self.value}"


class SalaryRoleAggregate(models.Model):
    """The ready answers of a role without filters, as the JSON text that is sent."""

    pk = models.CompositePrimaryKey("release_id", "role")
    release = models.ForeignKey(
        DatasetRelease, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    role = models.CharField(max_length=TEXT_LIMIT)
    summary = models.TextField()
    insights = models.TextField()
    overview = models.TextField(null=True)  # null for a role with few rows, and of a version without it

    def __str__(self) -> str:
        """Return the role."""
        return self.role
