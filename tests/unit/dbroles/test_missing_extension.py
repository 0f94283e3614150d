"""What a migration said, and the extension it lacked."""

from __future__ import annotations

import pytest

from opsctl.dbroles.missing_extension import missing_extension


@pytest.mark.parametrize(
    ("text", "extension"),
    [
        (
            'permission denied to create extension "postgis"\nHINT:  Must be superuser.',
            "postgis",
        ),
        ('psycopg.errors.InsufficientPrivilege: permission denied to create extension "uuid-ossp"', "uuid-ossp"),
        ('extension "pg_trgm" is not available', "pg_trgm"),
        ('required extension "cube" is not installed', "cube"),
        (
            'could not open extension control file "/usr/share/postgresql/16/extension/vector.control": No such file',
            "vector",
        ),
        ('django.db.utils.ProgrammingError: type "citext" does not exist\nLINE 1: ...ext', "citext"),
        (r'{"message": "type \"hstore\" does not exist"}', "hstore"),
        ('type "vector" does not exist', "vector"),
        ('type "public.geometry" does not exist', "postgis"),
        ('type "geometry(Point,4326)" does not exist', "postgis"),
        ('type "citext[]" does not exist', "citext"),
        ('type "ltree" does not exist', "ltree"),
        ('operator class "gin_trgm_ops" does not exist for access method "gin"', "pg_trgm"),
        ('operator class "public.gist_trgm_ops" does not exist for access method "gist"', "pg_trgm"),
        ('operator class "vector_cosine_ops" does not exist for access method "hnsw"', "vector"),
        ('access method "hnsw" does not exist', "vector"),
        ('data type integer has no default operator class for access method "gist"', "btree_gist"),
        ('data type text has no default operator class for access method "gin"', "btree_gin"),
        ("function unaccent(character varying) does not exist", "unaccent"),
        ("function public.unaccent(text) does not exist", "unaccent"),
        ("function uuid_generate_v4() does not exist\nHINT:  No function matches", "uuid-ossp"),
        ("function similarity(character varying, unknown) does not exist", "pg_trgm"),
        ("function gen_random_bytes(integer) does not exist", "pgcrypto"),
        ("function st_asewkb(geometry) does not exist", "postgis"),
        ("function postgis_lib_version() does not exist", "postgis"),
        ('text search dictionary "unaccent" does not exist', "unaccent"),
        ('type "mine" does not exist\nfunction unaccent(text) does not exist', "unaccent"),
        ('function unaccent(text) does not exist\ntype "citext" does not exist', "unaccent"),
    ],
)
def test_it_names_the_extension(text: str, extension: str) -> None:
    assert missing_extension(text) == extension


@pytest.mark.parametrize(
    "text",
    [
        "",
        'relation "citext" does not exist',
        'column "vector" does not exist',
        'type "mood" does not exist',
        'operator class "mine_ops" does not exist for access method "gin"',
        "function my_unaccent(text) does not exist",
        "permission denied to create role",
        'permission denied for schema "postgis"',
        'extension "pg_trgm" already exists',
        'role "hstore" does not exist',
    ],
)
def test_it_names_none_for_another_failure(text: str) -> None:
    assert missing_extension(text) is None
