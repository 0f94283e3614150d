"""The service's settings with the paths of `empty_paths`."""

from __future__ import annotations

from config.settings import *  # noqa: F403

ROOT_URLCONF = "scripts.bench.empty_paths"
