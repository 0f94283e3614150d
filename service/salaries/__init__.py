"""Salaries: dataset releases, the pipeline that makes them, and the API and dashboard that read them."""
