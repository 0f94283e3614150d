"""`opsctl image scan` on an ECR that answers as AWS documents it: neither emulator knows findings."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.functional.cli import ROOT, Ran, opsctl

DIGEST = "sha256:" + "5" * 64


def finding(name: str, severity: str, package: str) -> dict[str, Any]:
    attributes = [{"key": "package_name", "value": package}, {"key": "package_version", "value": "1.0"}]
    return {"name": name, "severity": severity, "attributes": attributes}


ANSWERS = {
    "DescribeImages": {"imageDetails": [{"imageDigest": DIGEST}]},
    "BatchGetImage": {"images": [{"imageManifest": json.dumps({"layers": []})}]},
    "DescribeImageScanFindings": {
        "imageScanStatus": {"status": "COMPLETE"},
        "imageScanFindings": {
            "findings": [finding("CVE-2026-1", "LOW", "zlib"), finding("CVE-2026-2", "HIGH", "openssl")]
        },
    },
}


class _Ecr(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(ANSWERS[self.headers["X-Amz-Target"].rpartition(".")[2]]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Silent."""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Ecr)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def scan(endpoint: str, *arguments: str) -> Ran:
    command = ("image", "scan", "--env", "dev", "--tag", "v1", *arguments)
    return opsctl(*command, cwd=ROOT, env={"AWS_ENDPOINT_URL_ECR": endpoint})


def test_findings_are_listed_worst_first(endpoint: str) -> None:
    ran = scan(endpoint, "--json")
    assert (ran.code, ran.json["digest"], ran.json["counts"]) == (0, DIGEST, {"HIGH": 1, "LOW": 1})
    assert [each["id"] for each in ran.json["findings"]] == ["CVE-2026-2", "CVE-2026-1"]


@pytest.mark.parametrize(("limit", "code"), [("LOW", 1), ("HIGH", 1), ("critical", 0), ("awful", 2)])
def test_the_exit_code_tells_whether_a_finding_is_too_bad(endpoint: str, limit: str, code: int) -> None:
    ran = scan(endpoint, "--fail-on", limit)
    assert ran.code == code, ran.err
    assert ("CVE-2026-2" in ran.out) is (code != 2)
