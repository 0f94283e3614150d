"""What the emulator hands out to log in with, where ministack hands out the same to everybody."""

from __future__ import annotations

import base64
import json
from typing import Any

from opsctl.local.emulator.seams import Modules
from opsctl.local.keys import AccessKey, Keys
from opsctl.local.state import Json


def install(modules: Modules, keys: Keys) -> None:
    """Put the target's own logins in place."""
    _registry_has_a_password(modules.ecr, keys.own)
    _functions_have_keys(modules.lambda_runtime, modules.lambda_svc, keys)


def _registry_has_a_password(ecr: Any, own: AccessKey) -> None:
    """ECR's login is good for one registry; ministack's is a word that stands in its source."""
    authorize = ecr._get_authorization_token

    def authorize_here(data: Json) -> Any:
        status, headers, body = authorize(data)
        answer = json.loads(body)
        token = base64.b64encode(f"AWS:{own.registry_password}".encode()).decode()
        for each in answer["authorizationData"]:
            each["authorizationToken"] = token
        return status, headers, json.dumps(answer).encode()

    ecr._get_authorization_token = authorize_here


def _functions_have_keys(lambda_runtime: Any, lambda_svc: Any, keys: Keys) -> None:
    """A function's environment holds a key of its role; ministack puts the account's number there."""
    issued: dict[str, AccessKey] = {}

    def credentials(config: Json) -> dict[str, str]:
        arn = str(config.get("FunctionArn"))
        key = issued[arn] = issued.get(arn) or keys.issue()
        return {"AWS_ACCESS_KEY_ID": key.id, "AWS_SECRET_ACCESS_KEY": key.secret, "AWS_SESSION_TOKEN": key.token}

    # Both have the function by a name of their own.
    lambda_runtime.execution_credentials = lambda_svc.execution_credentials = credentials
