"""PostgreSQL extensions that RDS offers, of its versions 15 to 18 together, as `CREATE EXTENSION` calls them.

Names that slips of the hand are compared with: a name that is missing here and is like none of these is let pass.

https://docs.aws.amazon.com/AmazonRDS/latest/PostgreSQLReleaseNotes/postgresql-extensions.html
"""

from __future__ import annotations

_NAMES = """
address_standardizer address_standardizer_data_us amcheck autoinc aws_commons aws_lambda aws_s3 bloom bool_plperl
btree_gin btree_gist citext cube dblink dict_int dict_xsyn earthdistance fuzzystrmatch h3 h3_postgis hll hstore
hstore_plperl insert_username intagg intarray ip4r isn jsonb_plperl lo log_fdw ltree moddatetime mysql_fdw
old_snapshot oracle_fdw orafce pageinspect pg_bigm pg_buffercache pg_cron pg_freespacemap pg_hint_plan pg_partman
pg_prewarm pg_proctab pg_repack pg_similarity pg_stat_monitor pg_stat_statements pg_tle pg_transport pg_trgm
pg_visibility pg_walinspect pgactive pgaudit pgcollection pgcrypto pglogical pgrouting pgrowlocks pgstattuple pgtap
plcoffee plls plperl plpgsql plprofiler plrust pltcl plv8 postgis postgis_raster postgis_tiger_geocoder
postgis_topology postgres_fdw prefix rdkit rds_tools refint seg sslinfo tablefunc tcn tds_fdw test_parser
tsm_system_rows tsm_system_time unaccent uuid-ossp vector
"""
EXTENSIONS = frozenset(_NAMES.split())
