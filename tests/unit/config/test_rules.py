"""Every rule between settings: a configuration that breaks it and what is told; and one that just keeps it."""

from __future__ import annotations

from typing import Any

import pytest

from opsctl.config import rules
from opsctl.config.models import Environment

ZONE = {"hosted_zone_id": "Z0123456789ABC", "hosted_zone_name": "example.com"}
KMS_ARN = "arn:aws:kms:eu-west-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ARN = "arn:aws:acm:us-east-1:111111111111:certificate/abc"


def environment(**sections: Any) -> Environment:
    base: dict[str, Any] = {
        "name": "dev",
        "service": "salaries",
        "client": "acme",
        "nat": {"use_nat_instance": True},
        "observability": {"alert_email": "a@example.com"},
        "ecs": {"manage_repository": True},
    }
    for key, value in sections.items():
        base[key] = {**base[key], **value} if isinstance(value, dict) and key in base else value
    return Environment.model_validate(base)


def problems(env: Environment) -> list[tuple[str, str, str]]:
    return [
        (".".join(map(str, problem.path)), problem.what, problem.fix) for rule in rules.RULES for problem in rule(env)
    ]


BROKEN: dict[str, tuple[dict[str, Any], str, str]] = {
    "fargate memory": ({"ecs": {"cpu": 256, "memory": 4096}}, "application.web.memory", "Write 512, 1024 or 2048."),
    "fargate cpu": ({"ecs": {"cpu": 300}}, "application.web.cpu", "Write one of 256, 512"),
    "fargate step": ({"ecs": {"cpu": 8192, "memory": 17000}}, "application.web.memory", "in steps of 4096"),
    "connections": (
        {"application": {"web": {"count": (1, 20)}}}, "rds.instance_class", "Choose a larger class",
    ),
    "cidr too small": ({"vpc": {"cidr": "10.0.0.0/22"}}, "vpc.cidr", "Write a /20 or larger, such as 10.0.0.0/20."),
    "cidr host bits": ({"vpc": {"cidr": "10.0.0.1/16"}}, "vpc.cidr", "Write 10.0.0.0/16."),
    "cidr nonsense": ({"vpc": {"cidr": "ten"}}, "vpc.cidr", "such as 10.20.0.0/16"),
    "cidr too large": ({"vpc": {"cidr": "10.0.0.0/8"}}, "vpc.cidr", "Write 10.0.0.0/16, or a smaller one."),
    "cidr public": ({"vpc": {"cidr": "8.8.0.0/16"}}, "vpc.cidr", "inside 10.0.0.0/8"),
    "zone twice": ({"vpc": {"availability_zones": ("a", "a")}}, "vpc.availability_zones", "each letter once"),
    "two ways out": ({"vpc": {"nat_gateways": 1}}, "vpc.nat_gateways", "exclude"),
    "no way out": ({"nat": {"use_nat_instance": False}}, "vpc.nat_gateways", "nat.use_nat_instance to true"),
    "gateways": ({"nat": {"use_nat_instance": False}, "vpc": {"nat_gateways": 3}}, "vpc.nat_gateways", "one per zone"),
    "added from git": (
        {"application": {"add": ("gunicorn", "shopkit @ git+https://me:pw@git.example.org/shopkit@main")}},
        "application.add.1", "git gets them from its credential helper",
    ),
    "counts": ({"ecs": {"min_count": 3, "max_count": 2}}, "application.web.count", "Write [2, 3]"),
    "built and promoted": (
        {"ecs": {"build_on_deploy": True}, "images": {"promoted_from": "hml"}}, "images.promoted_from",
        "Set ecs.build_on_deploy to false",
    ),
    "built and not signed": (
        {"ecs": {"build_on_deploy": True}, "images": {"verify": "keys/images.pub"}}, "images.verify", "Write a KMS key",
    ),
    "local repository": (
        {"target": "local", "ecs": {"manage_repository": False}}, "ecs.manage_repository", "Set it to true.",
    ),
    "latest": ({"ecs": {"image_tag": "Latest"}}, "ecs.image_tag", "deploy the commit"),
    "tag and build": ({"ecs": {"image_tag": "v1", "build_on_deploy": True}}, "ecs.image_tag", "Remove image_tag"),
    "tls": ({"security": {"enforce_tls": True}}, "security.enforce_tls", "application.web.domains"),
    "certificate region": (
        {"region": "eu-west-1", "ecs": {"certificate_arn": ARN}}, "application.web.certificate_arn", "eu-west-1",
    ),
    "cloudfront certificate": (
        {"dashboard": {"certificate_arn": ARN.replace("us-east-1", "eu-west-1"), "domain_name": "d.example.com"}},
        "dashboard.certificate_arn", "us-east-1",
    ),
    "unused certificate": ({"dashboard": {"certificate_arn": ARN}}, "dashboard.certificate_arn", "domain_name"),
    "domain outside zone": (
        {"ecs": {"domain_name": "app.example.org", **ZONE}}, "application.web.domains", ".example.com",
    ),
    "domain like zone": (
        {"ecs": {"domain_name": "badexample.com", **ZONE}}, "application.web.domains", ".example.com",
    ),
    "zone without name": ({"ecs": {"hosted_zone_id": "Z0123456789ABC", "domain_name": "a.example.com"}},
                          "application.web.hosted_zone_id", "hosted_zone_name"),
    "domain without zone": ({"ecs": {"domain_name": "a.example.com"}}, "application.web.domains", "certificate_arn"),
    "zone without domain": ({"dashboard": ZONE}, "dashboard.hosted_zone_id", "domain_name"),
    "same domain": ({"ecs": {"domain_name": "a.example.com", **ZONE},
                     "dashboard": {"domain_name": "a.example.com", **ZONE}}, "dashboard.domain_name", "of its own"),
    "replica": ({"rds": {"enable_replica": True, "backup_days": 0}}, "rds.enable_replica", "backup_days to 1"),
    "port": ({"rds": {"port": 5432}}, "rds.port", "5433"),
    "master": ({"rds": {"admin_user": "postgres"}}, "rds.admin_user", "opsctl_master"),
    "storage": ({"rds": {"max_allocated_storage": 20}}, "rds.max_allocated_storage", "Write 22 or more"),
    "restored and taken over": (
        {"rds": {"snapshot_identifier": "last-night", "import_instance": "old-prd"}}, "rds.import_instance", "Remove",
    ),
    "storage nearly": (
        {"rds": {"allocated_storage": 101, "max_allocated_storage": 111}}, "rds.max_allocated_storage", "Write 112",
    ),
    "pinned with replica": (
        {"rds": {"engine_version": "17.6", "enable_replica": True}}, "rds.engine_version", 'major version, "17"',
    ),
    "trust": ({"rds": {"auth": "trust"}}, "application.database.auth", "Write `iam`"),
    "role twice": ({"rds": {"app_user": "app_owner"}}, "rds.roles.owner", "of its own"),
    "retention": ({"observability": {"log_retention_days": 15}}, "observability.log_retention_days", "Write 14"),
    "no mail": ({"observability": {"alert_email": None}}, "observability.alert_email", "read at night"),
    "aws tag": ({"tags": {"aws:x": "1"}}, "tags.aws:x", "another name"),
    "long tag": ({"tags": {"x": "1" * 257}}, "tags.x", "Shorten"),
    "unknown stack": ({"tag_overrides": {"ap": {"x": "1"}}}, "tag_overrides.ap", "Did you mean `app`?"),
    "long names": ({"name": "n" * 40, "service": "s" * 40, "client": "c" * 40}, "service", "Shorten"),
    "tag case": ({"tags": {"Env": "a", "env": "b"}}, "tags.env", "Write it as `Env`"),
    "tag like ours": ({"tags": {"Environment": "a"}}, "tags.Environment", "Write it as `environment`"),
    "tag case of one stack": (
        {"tags": {"Team": "a"}, "tag_overrides": {"app": {"team": "b"}}}, "tag_overrides.app.team", "as `Team`",
    ),
    "tag characters": ({"tags": {"team": "R&D, data"}}, "tags.team", 'Write "R and D data"'),
    "tag name's characters": ({"tags": {"te*am": "x"}}, "tags.te*am", "Write `te am`"),
    "emoji": ({"tags": {"team": "data 🚀"}}, "tags.team", 'Write "data"'),
    "empty tag": ({"tags": {"team": ""}}, "tags.team", "remove it"),
    "many tags": ({"tags": {f"t{i}": "x" for i in range(45)}}, "tags", "at most 44"),
    "long first domain": (
        {"ecs": {"domain_name": f"{'a' * 54}.example.com", **ZONE}}, "application.web.domains.0", "shorter name",
    ),
    "long site domain": (
        {"dashboard": {"domain_name": f"{'a' * 54}.example.com", **ZONE}}, "dashboard.domain_name", "certificate_arn",
    ),
    "class of no kind": ({"rds": {"instance_class": "db.t4.micro"}}, "rds.instance_class", "Write db.t4g.micro"),
    "class of no size": ({"rds": {"instance_class": "db.m5.3xlarge"}}, "rds.instance_class", "Write db.m5.2xlarge"),
    "class misspelt": ({"rds": {"instance_class": "db.t3.mirco"}}, "rds.instance_class", "Write db.t3.micro"),
    "class of old": ({"rds": {"instance_class": "db.m3.medium"}}, "rds.instance_class", "Write db."),
    "version of old": ({"rds": {"engine_version": "12"}}, "rds.engine_version", 'Write "14"'),
    "version of none": ({"rds": {"engine_version": "16.0"}}, "rds.engine_version", 'Write "16.1"'),
    "database of rds": ({"rds": {"database": "rdsadmin"}}, "rds.database", "such as salaries"),
    "template": ({"rds": {"database": "template1"}}, "rds.database", "such as salaries"),
    "reserved database": ({"rds": {"database": "user"}}, "rds.database", "such as salaries"),
    "reserved master": ({"rds": {"admin_user": "select"}}, "rds.admin_user", "opsctl_master"),
    "rds's master": ({"rds": {"admin_user": "rds_superuser"}}, "rds.admin_user", "opsctl_master"),
    "reserved role": ({"rds": {"app_user": "user"}}, "rds.app_user", "such as app_user"),
    "bucket like an address": (
        {"dashboard": {"bucket_name": "192.168.5.4"}}, "dashboard.bucket_name", "Write `bucket-192-168-5-4`",
    ),
    "bucket's end": ({"dashboard": {"bucket_name": "x--ol-s3"}}, "dashboard.bucket_name", "Write `x-bucket`"),
    "bucket's start": ({"dashboard": {"bucket_name": "sthree-pages"}}, "dashboard.bucket_name", "Write `pages`"),
    "the account's bucket": (
        {"dashboard": {"bucket_name": "opsctl-bootstrap-artifactbucket-1x"}}, "dashboard.bucket_name",
        "Write `artifactbucket-1x`",
    ),
    "an administrator's role": ({"name": "opsctl", "service": "ci"}, "service", "Call the environment or the service"),
    "another's role of ci": ({"name": "opsctl-ci", "service": "hml"}, "service", "Call the environment or the service"),
    "the account's stack": ({"name": "opsctl", "service": "bootstrap"}, "service", "Call the environment or"),
    "bucket's dots": ({"dashboard": {"bucket_name": "a..b"}}, "dashboard.bucket_name", "Write `a.b`"),
    "alias of aws": ({"security": {"kms_aliases": {"data": "aws/foo"}}}, "security.kms_aliases.data", "Write `foo`"),
    "alias with a blank": (
        {"security": {"kms_aliases": {"data": "foo bar"}}}, "security.kms_aliases.data", "Write `foo-bar`",
    ),
    "alias twice": (
        {"security": {"kms_aliases": {"data": "a", "logs": "a"}}}, "security.kms_aliases.logs", "Write `a-logs`",
    ),
    "alias with its prefix": (
        {"security": {"kms_aliases": {"data": "alias/a"}}}, "security.kms_aliases.data", "Write `a`",
    ),
    "long alias": ({"security": {"kms_aliases": {"data": "a" * 251}}}, "security.kms_aliases.data", "Shorten"),
    **{
        f"cidr {cidr}": ({"vpc": {"cidr": cidr}}, "vpc.cidr", fix)
        for cidr, fix in {
            "127.0.0.0/16": "such as 10.0.0.0/16", "169.254.0.0/16": "such as 10.254.0.0/16",
            "224.1.0.0/16": "such as 10.1.0.0/16", "10.20.0.0": "Write 10.20.0.0/16", "172.15.0.0/16": "public",
        }.items()
    },
    "local on aws": ({"name": "local"}, "target", "call it otherwise"),
}  # fmt: skip


JOB = {"command": ("python", "manage.py", "x")}
# Blocks that break a rule of the application: what is in it, the key that is named, what is told or to be written.
APPLICATION: dict[str, tuple[dict[str, Any], str, str]] = {
    "job size": ({"jobs": {"a": {**JOB, "cpu": 512}}}, "jobs.a.memory", "Write 1024 to 4096"),
    "worker counts": ({"workers": {"q": {**JOB, "count": (3, 1)}}}, "workers.q.count", "Write [1, 3]"),
    "no web": ({"web": {"count": (0, 2)}}, "web.count", "Write 1 or more"),
    "singleton": ({"workers": {"b": {**JOB, "singleton": True, "count": 2}}}, "workers.b.count", "Write 1"),
    "taken name": ({"jobs": {"migrate": JOB}}, "jobs.migrate", "another name"),
    "job like worker": ({"jobs": {"q": JOB}, "workers": {"q": JOB}}, "jobs.q", "another name"),
    "hyphens": ({"jobs": {"a-b": JOB, "ab": JOB}}, "jobs.ab", "differ by hyphens alone"),
    "image and dockerfile": ({"image": "x", "dockerfile": "Dockerfile"}, "image", "Keep one"),
    "image and python": ({"image": "x", "python": "3.13"}, "python", "no effect"),
    "image and requirements": ({"image": "x", "requirements": "r.txt"}, "requirements", "no effect"),
    "image and add": ({"image": "x", "add": ("gunicorn",)}, "add", "no effect"),
    "image and build": ({"image": "x", "build": {"commands": (("python", "x"),)}}, "build", "no effect"),
    "dockerfile and python": ({"dockerfile": "Dockerfile", "python": "3.13"}, "python", "no effect"),
    "target without dockerfile": ({"target": "prod"}, "target", "Name it in dockerfile"),
    "path out": ({"path": "../shop"}, "path", "below the file"),
    "include out": ({"path": "a", "include": ("../../b",)}, "include.0", "inside it"),
    "unknown placeholder": ({"environment": {"A": "${web.hots}"}}, "environment.A", "Did you mean `web.hosts`?"),
    "unknown secret": ({"secrets": ("TOKEN",), "environment": {"A": "x${secrets.TOKNE}"}}, "environment.A",
                       "Did you mean `secrets.TOKEN`?"),
    "unknown bucket": ({"environment": {"A": "${buckets.media}"}}, "environment.A", "Add it to application.buckets"),
    "placeholder in a job": ({"jobs": {"a": {**JOB, "environment": {"A": "${nothing}"}}}}, "jobs.a.environment.A",
                             "Valid:"),
    "placeholder in a file": ({"files": {"/etc/a": "${x}"}}, "files./etc/a", "no placeholder"),
    "lone dollar": ({"environment": {"A": "5$"}}, "environment.A", "Write $$"),
    "form": ({"environment": {"A": "${web.url/json}"}}, "environment.A", "only lists have forms"),
    "settings variable": ({"environment": {"DJANGO_SETTINGS_MODULE": "a"}}, "environment.DJANGO_SETTINGS_MODULE",
                          "application.settings"),
    "own variable": ({"environment": {"AWS_REGION": "x"}}, "environment.AWS_REGION", "another name"),
    "secret and variable": ({"secrets": ("A",), "environment": {"A": "1"}}, "environment.A", "under another name"),
    "bucket of nobody": ({"buckets": {"media": {"processes": ("wbe",)}}}, "buckets.media.processes.0",
                         "Did you mean `web`?"),
    "schedule": ({"jobs": {"a": {**JOB, "schedule": "15 4 * *"}}}, "jobs.a.schedule", "4 fields"),
    "schedule minute": ({"jobs": {"a": {**JOB, "schedule": "61 4 * * *"}}}, "jobs.a.schedule", "from 0 to 59"),
    "variables that are too long": (
        {"jobs": {"a": {**JOB, "environment": {"A": "x" * 66_000}}}}, "jobs.a.environment", "Shorten A",
    ),
    "health codes": ({"web": {"health": {"codes": "200-599"}}}, "web.health.codes", 'Write "200-499"'),
    "health code": ({"web": {"health": {"codes": "100"}}}, "web.health.codes", 'Write "200"'),
    "rate": ({"jobs": {"a": {**JOB, "schedule": "rate(5 day)"}}}, "jobs.a.schedule", 'Write "rate(5 days)"'),
    "five of six": (
        {"jobs": {"a": {**JOB, "schedule": "cron(15 4 * * *)"}}}, "jobs.a.schedule", 'Write "cron(15 4 * * ? *)"',
    ),
    "minute of aws": (
        {"jobs": {"a": {**JOB, "schedule": "cron(99 4 * * ? *)"}}}, "jobs.a.schedule", 'Write "cron(59 4 * * ? *)"',
    ),
    "schedule both days": ({"jobs": {"a": {**JOB, "schedule": "0 4 1 * 1"}}}, "jobs.a.schedule", "of the week"),
    "aws schedule": ({"jobs": {"a": {**JOB, "schedule": "cron(15 4 * * * *)"}}}, "jobs.a.schedule", "`?`"),
    "time zone": ({"jobs": {"a": {**JOB, "timezone": "Mars/Base"}}}, "jobs.a.timezone", "no time zone"),
    "role with owner": ({"database": {"owner": True}, "release": {"database_role": "migrator"}},
                        "release.database_role", "one login"),
    "password without owner": ({"database": {"auth": "password"}}, "database.auth", "owner to true"),
    "site without job": ({"site": {"job": "export", "archive": "b/x.zip"}, "buckets": {"b": None}}, "site.job",
                         "Add it to application.jobs"),
    "site without bucket": ({"site": {"job": "a", "archive": "b/x.zip"}, "jobs": {"a": JOB}}, "site.archive",
                            "Add it to application.buckets"),
    "range": ({"web": {"allow": ("10.0.0.1/8",)}}, "web.allow.0", "Write 10.0.0.0/8"),
    "redirect": ({"web": {"redirect": True}}, "web.redirect", "no second name"),
    "file of the kernel": ({"files": {"/proc/x": "a"}}, "files./proc/x", "such as /etc/shop.cfg"),
    "extension": ({"database": {"extensions": ("citext", "pg_trm")}}, "database.extensions.1", "`pg_trgm`"),
    "extension of a later release": ({"database": {"extensions": ("pg_stat_moniter",)}}, "database.extensions.0",
                                     "`pg_stat_monitor`"),
    "extension by its project": ({"database": {"extensions": ("pgvector",)}}, "database.extensions.0", "`vector`"),
    "extension spelt out": ({"database": {"extensions": ("uuid_ossp",)}}, "database.extensions.0", "`uuid-ossp`"),
    "scratch": ({"jobs": {"a": {**JOB, "scratch": "/etc/x"}}}, "jobs.a.scratch", "such as /data"),
}  # fmt: skip
BROKEN |= {
    f"application: {name}": ({"application": block}, f"application.{path}", fix)
    for name, (block, path, fix) in APPLICATION.items()
}
BROKEN |= {
    f"{auth} on this machine": (
        {"name": "local", "target": "local", **block},
        "application.database.auth",
        "Write `trust` for local alone (environments.local.application.database.auth)",
    )
    for auth, block in (
        ("iam", {"application": {"database": {"auth": "iam"}}}),
        ("iam at its old place", {"rds": {"auth": "iam"}}),
        ("password", {"application": {"database": {"auth": "password", "owner": True}}}),
        ("password without an owner", {"application": {"database": {"auth": "password"}}}),
    )
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_rule_names_the_key_and_what_to_write(case: str) -> None:
    sections, path, fix = BROKEN[case]
    found = problems(environment(**sections))
    assert len(found) == 1, found
    assert found[0][0] == path
    assert fix in f"{found[0][1]} {found[0][2]}"


KEPT: dict[str, dict[str, Any]] = {
    "as it is": {},
    "largest task": {"ecs": {"cpu": 16384, "memory": 122880}},
    "three zones in a /20": {"vpc": {"cidr": "10.0.0.0/20", "availability_zones": ("a", "b", "c")}},
    "endpoints alone": {"nat": {"use_nat_instance": False}, "vpc": {"interface_endpoints": True}},
    "zone apex": {"ecs": {"domain_name": "example.com", **ZONE}, "security": {"enforce_tls": True}},
    "given certificate": {"ecs": {"certificate_arn": ARN}, "security": {"enforce_tls": True}},
    "a snapshot of AWS Backup": {"rds": {"snapshot_identifier": "awsbackup:job-0f1e2d3c-4b5a-6978"}},
    "a master that is there": {"rds": {"admin_user": "postgres", "snapshot_identifier": "rds:old-prd-2026-11-01"}},
    "storage grows by ten percent": {"rds": {"allocated_storage": 101, "max_allocated_storage": 112}},
    "sold long since": {"rds": {"instance_class": "db.m5.24xlarge", "engine_version": "14"}},
    "shared addresses": {"vpc": {"cidr": "100.64.0.0/16"}},
    "aliases": {"security": {"kms_aliases": {"data": "shop/data", "logs": "Shop_logs"}}},
    "a bucket": {"dashboard": {"bucket_name": "my-plan.example.org"}},
    "tags of all kinds": {"tags": {"Kosten stelle": "Größe: 10 / a_b.c+d=e@f-g", "environment": "dev"}},
    "a long name of a given certificate": {
        "ecs": {"certificate_arn": ARN}, "application": {"web": {"domains": (f"{'a' * 60}.b.org",)}},
    },
    "a pinned minor version": {"rds": {"engine_version": "17.6"}},
    "local needs neither mail nor way out": {
        "name": "local", "target": "local", "nat": {"use_nat_instance": False}, "observability": {"alert_email": None},
        "rds": {"auth": "trust"},
    },
}  # fmt: skip


NAMED: dict[str, tuple[dict[str, Any], str, str]] = {
    "a newer version": ({"rds": {"engine_version": "19"}}, "rds.engine_version", "newer than this opsctl knows"),
    "a newer minor version": ({"rds": {"engine_version": "18.40"}}, "rds.engine_version", '"18.6" is the nearest'),
    "a newer class": ({"rds": {"instance_class": "db.t5g.micro"}}, "rds.instance_class", "db.t4g.micro is the nearest"),
    "another size of the newest": (
        {"rds": {"instance_class": "db.m9g.96xlarge"}}, "rds.instance_class", "db.m9g.48xlarge is the nearest",
    ),
    "another processor": ({"rds": {"instance_class": "db.m8i.large"}}, "rds.instance_class", "db.m8g.large"),
    "addresses for benchmarks": ({"vpc": {"cidr": "198.19.0.0/16"}}, "vpc.cidr", "such as 10.19.0.0/16"),
    "a tag in the place of opsctl's own": (
        {"tags": {"environment": "production"}}, "tags.environment", "`status` and `destroy --from-account` find",
    ),
    "the same for one stack": (
        {"tag_overrides": {"data": {"client": "b"}, "bootstrap": {"client": "b"}}}, "tag_overrides.data.client",
        "what no file names any more",
    ),
    "the database for maintenance": ({"rds": {"database": "postgres"}}, "rds.database", "such as salaries"),
}  # fmt: skip


@pytest.mark.parametrize("case", NAMED)
def test_what_aws_may_have_by_now_is_a_note(case: str) -> None:
    sections, path, said = NAMED[case]
    (found,) = [problem for rule in rules.RULES for problem in rule(environment(**sections))]
    assert not found.certain
    assert ".".join(map(str, found.path)) == path
    assert said in f"{found.what}. {found.fix}"


@pytest.mark.parametrize("case", KEPT)
def test_what_aws_accepts_is_accepted(case: str) -> None:
    assert problems(environment(**KEPT[case])) == []


def test_every_rule_is_broken_by_some_case() -> None:
    silent = [
        rule.__name__
        for rule in rules.RULES
        if not any(list(rule(environment(**sections))) for sections, _, _ in BROKEN.values())
    ]
    assert silent == []


@pytest.mark.parametrize(("key", "kms", "region"), [
    ("alias/images", "alias/images", None), (KMS_ARN, KMS_ARN, "eu-west-1"), ("keys/images.pub", None, None),
    ("images.pem", None, None), (None, None, None),
])  # fmt: skip
def test_a_key_is_in_kms_or_a_file(key: str | None, kms: str | None, region: str | None) -> None:
    images = environment(images={"verify": key}).images
    assert (images.kms_key, images.key_region) == (kms, region)


@pytest.mark.parametrize("key", [
    "", "/etc/key.pem", "../key.pem", "a/../../key.pem", "key", "alias/", "arn:aws:kms:x", "arn:aws:s3:::key.pem",
])  # fmt: skip
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=r"images\.verify"):
        environment(images={"verify": key})
