"""Files that nobody means to ship: what keeps secrets or data, by its name and by how it begins.

Guesses, so whoever means such a file says so. What is public by its content, as a certificate is, is none.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

_DOTENV = re.compile(r"^\.env(?:[._-]|$)|\.env$")
_EXAMPLE = re.compile(r"(?:^|[._-])(?:example|sample|template|dist|tmpl)(?:[._-]|$)")
_BY_NAME = {
    ".envrc": "holds variables of this machine",
    ".netrc": "holds logins",
    "_netrc": "holds logins",
    ".pypirc": "holds logins to package indexes",
    ".pgpass": "holds passwords of databases",
    ".my.cnf": "holds passwords of databases",
    ".git-credentials": "holds logins to Git servers",
    ".htpasswd": "holds passwords",
    ".dockercfg": "holds logins to registries",
    ".dockerconfigjson": "holds logins to registries",
    ".vault-token": "holds a token",
    "kubeconfig": "holds logins to clusters",
    "credentials.json": "holds credentials",
    "client_secret.json": "holds credentials",
    "terraform.tfstate": "holds Terraform's state, secrets included",
    "id_rsa": "is a private key",
    "id_dsa": "is a private key",
    "id_ecdsa": "is a private key",
    "id_ed25519": "is a private key",
}
_BY_SUFFIX = {
    "~": "is an editor's backup",
    ".swp": "is an editor's backup",
    ".swo": "is an editor's backup",
    ".bak": "is a backup",
    ".p12": "holds a private key",
    ".pfx": "holds a private key",
    ".ppk": "is a private key",
    ".jks": "holds private keys",
    ".keystore": "holds private keys",
    ".kdbx": "holds passwords",
    ".sqlite3": "is a database",
    ".sqlite": "is a database",
    ".sqlite3-journal": "belongs to a database",
    ".sqlite3-wal": "belongs to a database",
    ".sqlite3-shm": "belongs to a database",
    ".pgdump": "is a database's dump",
    ".dump": "is a database's dump",
    ".sql.gz": "is a database's dump",
    ".sql.bz2": "is a database's dump",
    ".sql.xz": "is a database's dump",
    ".sql.zst": "is a database's dump",
}
_BY_FOLDER = {".ssh": "lies where keys are kept", ".aws": "lies where credentials are kept",
              ".gnupg": "lies where keys are kept", ".kube": "lies where logins to clusters are kept",
              ".env": "lies where variables of an environment are kept"}  # fmt: skip
_DUMP = re.compile(r"(?:^|[._-])(?:pg_?)?(?:dump|backup)(?:all)?(?:[._-][\w.-]*)?\.sql$|^\w*(?:dump|backup)\.sql$")
_PEM = (".pem", ".key", ".crt", ".cer")
# In YAML a key is indented.
_PRIVATE = re.compile(rb"^[ \t]*-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----\r?$", re.MULTILINE)
_PUBLIC = re.compile(rb"^-----BEGIN (?:[A-Z0-9]+ )*(?:CERTIFICATE|PUBLIC KEY|PARAMETERS)", re.MULTILINE)
_WORDS = (".py", ".md", ".rst", ".txt", ".html", ".js", ".ts", ".po")  # texts, which may well quote a key
_SERVICE_ACCOUNT = re.compile(rb'"type"\s*:\s*"service_account"')
_AWS_KEY = re.compile(rb"(?i)aws_secret_access_key[\"']?\s*[=:]\s*[\"']?(?![\w/+]*EXAMPLE)[a-z0-9/+]{40}(?![a-z0-9/+])")
_DUMPED = re.compile(rb"^-- (?:PostgreSQL database dump|MySQL dump|MariaDB dump)", re.MULTILINE)
_ROWS = re.compile(rb"^(?:COPY |INSERT INTO )", re.MULTILINE)
_LOGIN = re.compile(rb"(?i)auth|password|token")
_MAPS = (".gpkg", ".mbtiles")  # formats that are SQLite files, and mean something else
_HEAD = 4096
_READ = 1024 * 1024


def reason_by_name(name: str) -> str:
    """Why a path looks as if it should stay on this machine, as the rest of a sentence; "" when it does not."""
    parts = PurePosixPath(name).parts
    last = parts[-1].lower() if parts else ""
    if _DOTENV.search(last) and not _EXAMPLE.search(last):
        return "holds variables of an environment"
    if last.startswith("#") and last.endswith("#"):
        return "is an editor's backup"
    for folder in parts[:-1]:
        if folder in _BY_FOLDER:
            return _BY_FOLDER[folder]
    # Of the folder that a well-known template keeps variables in, those for a laptop are meant to be shared.
    if ".envs" in parts[:-1] and ".local" not in parts[:-1]:
        return "holds variables of an environment"
    if last.startswith("client_secret") and last.endswith(".json"):
        return "holds credentials"
    if _DUMP.search(last):
        return "is a database's dump"
    return _BY_NAME.get(last) or next((why for suffix, why in _BY_SUFFIX.items() if last.endswith(suffix)), "")


def reason(name: str, path: Path) -> str:
    """The same, with the content of the file looked at as well. "" for a file that can't be read: others tell that."""
    found = reason_by_name(name)
    if found:
        return found
    last = PurePosixPath(name).name.lower()
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
            more = head + stream.read(_READ) if last.endswith((".json", ".sql", ".npmrc", *_PEM)) else head
    except OSError:
        return ""
    return _by_content(last, head, more)


def is_pointer(path: Path) -> bool:
    """Whether a file is what Git LFS leaves in place of one that was not fetched."""
    try:
        with path.open("rb") as stream:
            return stream.read(200).startswith(b"version https://git-lfs.github.com/spec/")
    except OSError:
        return False


def _by_content(name: str, head: bytes, content: bytes) -> str:
    if head.startswith(b"SQLite format 3\0") and not name.endswith(_MAPS):
        return "is a database"
    if head.startswith(b"PGDMP") or (name.endswith(".sql") and _DUMPED.search(head) and _ROWS.search(content)):
        return "is a database's dump"
    if name.endswith(".json") and _SERVICE_ACCOUNT.search(content) and b"private_key" in content:
        return "holds the key of a service account"
    if not name.endswith(_WORDS) and _PRIVATE.search(content):
        return "holds a private key"
    if not name.endswith(_WORDS) and _AWS_KEY.search(content):
        return "holds an access key of AWS"
    if name.endswith(".pem") and not _PUBLIC.search(content):
        return "may hold a private key"
    if name == ".npmrc" and _LOGIN.search(content):
        return "holds logins to package indexes"
    return ""
