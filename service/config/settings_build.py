"""Settings of the image's build: hashed static files are collected whatever the environment says."""

from config.settings import *  # noqa: F403

STORAGES = {"staticfiles": {"BACKEND": "config.static_storage.HashedStaticFiles"}}
