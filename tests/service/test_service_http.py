"""Caching, compression, methods, headers, error pages, and the pages themselves."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re

import pytest
from config.outage import OUTAGE
from django.db import OperationalError
from django.test import Client

PATHS = [
    "/api/salaries/?role=sre",
    "/api/salaries/insights/?role=sre",
    "/api/salaries/comparison/?roles=sre",
    "/api/filters/",
]
only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


CONSTANT = ["/", "/dashboard/", "/api/schema"]


@only_sqlite
@pytest.mark.parametrize("path", [*PATHS, *CONSTANT])
def test_an_unchanged_answer_is_not_sent_again(loaded: str, client: Client, path: str) -> None:
    first = client.get(path)
    assert first["ETag"].startswith('"')
    assert first["Vary"] == "Accept-Encoding"
    for given in (first["ETag"], f'"other", {first["ETag"]}', "*", "W/" + first["ETag"]):
        again = client.get(path, headers={"If-None-Match": given})
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


@only_sqlite
def test_different_questions_have_different_tags(loaded: str, client: Client) -> None:
    paths = (*PATHS, "/api/salaries/?role=sre&state=sp", "/api/salaries/?role=qa_engineer")
    tags = {client.get(path)["ETag"] for path in paths}
    assert len(tags) == 6


@only_sqlite
@pytest.mark.parametrize("path", [PATHS[0], *CONSTANT])
def test_a_compressed_answer_has_its_own_strong_tag_and_the_same_content(
    loaded: str, client: Client, path: str
) -> None:
    plain = client.get(path)
    packed = client.get(path, headers={"Accept-Encoding": "br, gzip;q=0.5"})
    assert len(packed.content) < len(plain.content) / 2
    assert packed["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.content) == plain.content
    assert packed["ETag"] != plain["ETag"]
    again = client.get(path, headers={"Accept-Encoding": "gzip", "If-None-Match": packed["ETag"]})
    assert again.status_code == 304
    for refused in ("gzip;q=0", "identity", "", "gzip;q=x"):
        assert "Content-Encoding" not in client.get(path, headers={"Accept-Encoding": refused})


@only_sqlite
@pytest.mark.parametrize("path", [*PATHS, "/dashboard/", "/api/schema"])
def test_methods_are_get_head_and_options(loaded: str, client: Client, path: str) -> None:
    head = client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    options = client.options(path)
    assert (options.status_code, options["Allow"]) == (200, "GET, HEAD, OPTIONS")
    for method in (client.post, client.put, client.patch, client.delete):
        answer = method(path)
        assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD, OPTIONS")
        assert set(answer.json()) == {"error"}


def test_methods_are_refused_also_with_checks_of_forgery_on(data_dir: object) -> None:
    answer = Client(enforce_csrf_checks=True).post("/api/salaries/")
    assert answer.status_code == 405


@only_sqlite
@pytest.mark.parametrize("path", ["/", "/dashboard/"])
def test_the_dashboard_asks_for_no_file_and_its_policy_allows_its_own_code_alone(
    loaded: str, client: Client, path: str
) -> None:
    answer = client.get(path)
    page, policy = answer.content.decode(), answer["Content-Security-Policy"]
    assert "Tech Salary Insights</h1>" in page
    for kind in ("style", "script"):
        texts = re.findall(f"<{kind}>(.*?)</{kind}>", page, re.DOTALL)
        digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts]
        allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
        # As many as there are opening tags: no text ends its own element early.
        assert len(texts) == page.count(f"<{kind}")
        assert f"{kind}-src {allowed};" in policy
    markup = re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.DOTALL)
    assert re.findall(r' (?:src|href)="([^"]+)"', markup) == ["data:,", "#results"]
    assert not re.search(r" (?:style|on\w+)=", markup)
    assert "<!--" not in page
    assert "sourceMappingURL" not in page
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@only_sqlite
def test_the_page_is_less_than_100_kb_before_its_data(loaded: str, client: Client) -> None:
    page = client.get("/").content
    assert len(re.sub(rb"<noscript>.*?</noscript>", b"", page, flags=re.DOTALL)) < 100_000
    assert len(gzip.compress(page)) < 35_000


@only_sqlite
def test_the_page_comes_without_the_database_and_its_figures_come_back_with_it(
    loaded: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_release: object) -> None:
        raise OperationalError("gone for a test")

    with monkeypatch.context() as patched:
        patched.setattr("salaries.api.views.plain_parts", away)
        without = client.get("/")
    assert without.status_code == 200
    assert b"The median" not in without.content.partition(b"<noscript>")[2].partition(b"</noscript>")[0]
    OUTAGE.forget()
    again = client.get("/")
    assert b"The median Data Engineer earns" in again.content
    assert again["ETag"] != without["ETag"]


@only_sqlite
def test_a_page_that_is_still_good_keeps_its_policy(loaded: str, client: Client) -> None:
    first = client.get("/")
    again = client.get("/", headers={"If-None-Match": first["ETag"]})
    assert again["Content-Security-Policy"] == first["Content-Security-Policy"]


def test_every_answer_carries_security_headers_and_a_request_id(database: str, client: Client) -> None:
    answer = client.get("/api/filters/", headers={"X-Request-Id": "client-given-id-1"})
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "geolocation=()" in answer["Permissions-Policy"]
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert answer["X-Request-Id"] == "client-given-id-1"
    assert client.get("/api/filters/", headers={"X-Request-Id": "bad id\n"})["X-Request-Id"] != "bad id\n"


def test_the_access_log_names_the_client_that_the_load_balancer_saw(
    data_dir: object, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "access")
    client.get("/nothing/", headers={"X-Forwarded-For": "6.6.6.6, 203.0.113.7"})
    client.get("/nothing/")
    assert [record.__dict__["remote"] for record in caplog.records] == ["203.0.113.7", "127.0.0.1"]


def test_an_unknown_path_is_404_as_json_below_api(data_dir: object, client: Client) -> None:
    assert set(json.loads(client.get("/api/nothing/").content)) == {"error"}
    assert client.get("/api/nothing/").status_code == client.get("/nothing/").status_code == 404


def test_a_path_without_its_slash_is_redirected(data_dir: object, client: Client) -> None:
    answer = client.get("/api/salaries?role=sre")
    assert (answer.status_code, answer["Location"]) == (301, "/api/salaries/?role=sre")


@only_sqlite
def test_a_request_that_django_refuses_is_answered_in_json_under_api(loaded: str, client: Client) -> None:
    refused = client.get("/api/filters/", headers={"Host": "evil.example"})
    assert (refused.status_code, refused["Content-Type"]) == (400, "application/json")
    assert "Host" in refused.json()["error"]
    page = client.get("/dashboard/", headers={"Host": "evil.example"})
    assert (page.status_code, page["Content-Type"]) == (400, "text/plain; charset=utf-8")


@only_sqlite
def test_unknown_parameters_are_ignored_however_many(loaded: str, client: Client) -> None:
    assert client.get("/api/salaries/?" + "a&" * 1500 + "role=sre").json() == client.get(PATHS[0]).json()


@only_sqlite
@pytest.mark.parametrize("name", ["role", "state"])
def test_the_last_of_a_repeated_parameter_counts(loaded: str, client: Client, name: str) -> None:
    answer = client.get(f"/api/salaries/?role=sre&{name}=first&{name}=last").json()
    assert answer["filters"][name] == "last"
