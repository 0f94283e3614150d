"""Sources of a tiny service: what `service/` is to the local target, in a dozen lines."""

from __future__ import annotations

from pathlib import Path

_APP = """
import http.server, json, os, sys, time

RELEASE = {release!r}

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status = {health} if self.path == "/healthz" else 200
        names = ("DATA_DIR", "BIND_HOST", "PORT", "AWS_REGION", "GREETING", "SECRET")
        seen = {{"release": RELEASE, "pid": os.getpid(), "host": self.headers["Host"], "path": self.path,
                 "forwarded": self.headers["X-Forwarded-Proto"], "cwd": os.getcwd(),
                 "environment": {{name: os.environ.get(name) for name in names}}}}
        body = json.dumps(seen).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_GET

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Set-Cookie", "a=1; Expires=Thu, 01 Jan 2026 00:00:00 GMT")
        self.send_header("Set-Cookie", "b=2")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for start in range(0, len(body), 50000):
            part = body[start:start + 50000]
            self.wfile.write(b"%x\\r\\n%s\\r\\n" % (len(part), part))
        self.wfile.write(b"0\\r\\n\\r\\n")

    def log_message(self, *args):
        pass

def main(verb, *rest):
    if verb == "serve":
        print("release", RELEASE, "starts", flush=True)
        if {crash}:
            print("the database has pending migrations", file=sys.stderr, flush=True)
            sys.exit(3)
        address = (os.environ["BIND_HOST"], int(os.environ["PORT"]))
        http.server.ThreadingHTTPServer(address, Handler).serve_forever()
    if verb == "exit":
        print("working on it", flush=True)
        print("a warning", file=sys.stderr, flush=True)
        sys.exit(int(rest[0]))
    if verb == "sleep":
        print("sleeping", flush=True)
        time.sleep(600)

main(*sys.argv[1:])
"""


def write_service(directory: Path, *, release: str, crash: bool = False, health: int = 200) -> Path:
    """Write the sources; `crash` makes `serve` end at once, `health` is what /healthz answers."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "app.py").write_text(_APP.format(release=release, crash=crash, health=health), encoding="utf-8")
    return directory
