"""The columns of the dataset: canonical order, aliases of raw files, and defaults."""

from __future__ import annotations

# Canonical column -> header names it is read from; the first non-blank one wins.
ALIASES: dict[str, tuple[str, ...]] = {
    "source": ("source", "origem", "provider"),
    "role": ("role", "job_title", "cargo"),
    "level": ("level", "experience_level", "seniority", "nivel"),
    "location": ("location", "city", "cidade"),
    "state": ("state", "uf", "state_code"),
    "country": ("country", "country_code", "pais"),
    "currency": ("currency", "salary_currency", "moeda"),
    "work_model": ("work_model", "workmode", "remote_type", "employment_type"),
    "base_salary_min": ("base_salary_min", "salary_min", "min_salary"),
    "base_salary_max": ("base_salary_max", "salary_max", "max_salary"),
    "total_compensation": ("total_compensation", "salary_total", "total_salary", "compensation", "salary"),
    "remote_ratio": ("remote_ratio",),
    "observed_at": ("observed_at", "date", "data"),
}
CANONICAL = tuple(name for name in ALIASES if name != "remote_ratio")
MONEY_COLUMNS = ("base_salary_min", "base_salary_max", "total_compensation")
# Columns with a default, in the order of the bits by which the rules say that it was taken.
DEFAULTS = {
    "source": "unknown",
    "level": "pleno",
    "location": "Remoto",
    "state": "REMOTE",
    "country": "Brazil",
    "currency": "BRL",
    "work_model": "hibrido",
}
# The figures as they were kept, behind the canonical columns of a file that holds others than those.
PAID = ("paid_period", "paid_currency", "paid_min", "paid_max", "paid_total", "paid_rate", "paid_rate_day")
