"""The pipeline: fetch raw files, build the canonical CSV, prepare its rows for loading. No database here."""
