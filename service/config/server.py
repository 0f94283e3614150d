"""gunicorn's settings: threads for concurrency, nothing written below a read-only root, logs as JSON."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

# Loaded for its memory: workers are forked from this process, and so share the tokens that one of them made.
from config.db.postgres_iam import tokens  # noqa: F401
from config.env import env_int
from config.json_log import logging_config

workers = env_int("WEB_CONCURRENCY", 2, low=1, high=64)
# The worker of opsctl's layer, where that is there: slow clients hold no thread of it.
worker_class = "opsctl_gunicorn.Worker" if find_spec("opsctl_gunicorn") else "gthread"
threads = env_int("OPSCTL_THREADS", 4, low=1, high=64)
# Longer than the load balancer's idle timeout of 60 s, so that it never reuses a connection we have just closed.
keepalive = 75
timeout = 30
graceful_timeout = 25
max_requests = 20_000
max_requests_jitter = 2_000
# The longest there is without "unlimited": ten roles of 100 accented letters take 6,000 bytes.
limit_request_line = 8190
# Heartbeat files belong in memory; the root file system is read-only.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
control_socket_disable = True
# Nobody's headers are believed here, be it SCRIPT_NAME or X-Forwarded-Ssl: Django reads what the load balancer sets.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
# The service writes its own access log, with request ids.
accesslog = None
logconfig_dict = logging_config("INFO")
# gunicorn would otherwise add its own handler in its own format.
logconfig_dict["loggers"]["gunicorn.error"] = {"handlers": ["stderr"], "level": "INFO", "propagate": False}
