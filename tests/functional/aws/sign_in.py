"""What can keep people from signing in to AWS: what is on their machine, and what they are to be told."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from tests.functional.aws.endpoint import Answer, refusal

ROLE = "role_arn = arn:aws:iam::123456789012:role/deploy\n"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-a-secret"}
WEB = {"AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/deploy", "AWS_WEB_IDENTITY_TOKEN_FILE": "{home}/token",
       "AWS_ENDPOINT_URL": "{url}"}  # fmt: skip
CONTAINER = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "{url}/creds"}
START = "https://x.awsapps.com/start"
SSO_TOKEN = f".aws/sso/cache/{hashlib.sha1(START.encode(), usedforsecurity=False).hexdigest()}.json"
SSO_SESSION_TOKEN = f".aws/sso/cache/{hashlib.sha1(b'team', usedforsecurity=False).hexdigest()}.json"
SSO = "[default]\nsso_account_id = 123456789012\nsso_role_name = deploy\n"


@dataclass(frozen=True)
class Case:
    """What is on the machine, and words of the sentence and of the hint."""

    says: str
    advises: str
    config: str | bytes = ""
    helper: str | bytes | None = None
    files: dict[str, str | bytes] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    answer: Answer | None = None
    helper_mode: int = 0o755


def process(says: str, advises: str, helper: str | bytes | None, *, mode: int = 0o755) -> Case:
    return Case(
        f"credential_process of the AWS profile default {says}", advises,
        "[default]\ncredential_process = {home}/helper --secret hunter2\n", helper, helper_mode=mode,
    )  # fmt: skip


def printing(text: str) -> str:
    return f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n"


def token(says: str, advises: str, code: str, message: str) -> Case:
    return Case(says, advises, files={"token": "eyJ.x.y"}, env=WEB, answer=refusal(code, message, 400))


CASES = {
    "no credentials": Case("There are no usable AWS credentials.", "`aws sso login`"),
    "a secret without its key": Case(
        "AWS_SECRET_ACCESS_KEY is set, AWS_ACCESS_KEY_ID is not.", "Set both", env={"AWS_SECRET_ACCESS_KEY": "s3cret"}
    ),
    "a key without its secret": Case(
        "Only half of the AWS credentials is in the environment: AWS_SECRET_ACCESS_KEY is missing.",
        "Set AWS_SECRET_ACCESS_KEY as well",
        env={"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE"},
    ),
    "half a profile": Case(
        "Only half of the AWS credentials is in the AWS profile default: aws_secret_access_key is missing.",
        "as well",
        "[default]\naws_access_key_id = AKIAEXAMPLE\n",
    ),
    "keys with a line break": Case(
        "holds a line break", "copied", env={**KEYS, "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE\n", "AWS_ENDPOINT_URL": "{url}"}
    ),
    "helper missing": process("names `{home}/helper`, which can't be run: No such file", "Install it", None),
    "helper that may not be run": process(
        "names `{home}/helper`, which can't be run: Permission", "correct the line", "#!/bin/sh\n", mode=0o644
    ),
    "helper without an interpreter": process(
        "names `{home}/helper`, which can't be run: Exec format error.", "#!/bin/sh", "echo x"
    ),
    "helper that fails": process(
        "failed: please log in.", "Sign in where the helper", "#!/bin/sh\necho 'a\nplease log in.' >&2\nexit 3\n"
    ),
    "helper that fails without a word": process("failed: it did not say why.", "end with 0", "#!/bin/sh\nexit 3\n"),
    "helper that fails in another encoding": process(
        "printed something else than credentials (UnicodeDecodeError).", "JSON",
        b"#!/bin/sh\nprintf '\\351' >&2\nexit 3\n",
    ),
    "helper that prints rubbish": process(
        "printed something else than credentials (no JSON).", "Version 1", printing("Password: hunter2")
    ),
    "helper that prints nothing": process("printed something else than credentials (no JSON).", "JSON", "#!/bin/sh\n"),
    "helper that prints bytes": process(
        "printed something else than credentials (UnicodeDecodeError).", "JSON", b"#!/bin/sh\nprintf '\\377'\n"
    ),
    "helper that prints a list": process("printed something else", "JSON", printing("[1]")),
    "helper of another version": process(
        "printed something else than credentials (Unsupported version '2'", "Version 1", printing('{"Version": 2}')
    ),
    "helper without a key": process(
        "printed something else than credentials (Missing required key in response: 'AccessKeyId').", "Version 1",
        printing('{"Version": 1}'),
    ),
    "helper with expired credentials": process(
        "prints credentials that have expired already.", "Sign in",
        printing('{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "hunter2", "SessionToken": "hunter2", '
                 '"Expiration": "2020-01-01T00:00:00Z"}'),
    ),
    "helper with a strange time": process(
        "printed something else than credentials (ParserError).", "JSON",
        printing('{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "hunter2", "Expiration": "hunter2"}'),
    ),
    "helper with a time without a zone": Case(
        "The AWS credentials of the profile default can't be used (TypeError).", "aws sts get-caller-identity",
        "[default]\ncredential_process = {home}/helper\n",
        printing('{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "B", "SessionToken": "C", '
                 '"Expiration": "2099-01-01T00:00:00"}'),
    ),
    "helper with nothing in its keys": Case(
        "The AWS credentials of the profile default can't be used (TypeError).", "aws sts get-caller-identity",
        "[default]\ncredential_process = {home}/helper\n",
        printing('{"Version": 1, "AccessKeyId": null, "SecretAccessKey": null}'),
    ),
    "helper with an open quote": Case(
        "credential_process of the AWS profile default is no command line (No closing quotation).", "Correct",
        "[default]\ncredential_process = helper 'x\n",
    ),
    "helper of no words": Case("is no command line", "Correct", "[default]\ncredential_process =\n"),
    "helper of a source profile": Case(
        "credential_process of the AWS profile base names `nohelper`", "PATH",
        f"[default]\n{ROLE}source_profile = base\n[profile base]\ncredential_process = nohelper\n",
    ),
    "web identity: no file": Case(
        "The web identity token {home}/token can't be read: No such file or directory.", "id-token: write", env=WEB
    ),
    "web identity: a folder": Case(
        "The web identity token {home}/token can't be read: Is a directory.", "unset it", files={"token/x": ""}, env=WEB
    ),
    "web identity: no text": Case("can't be read: it is not text.", "unset it", files={"token": b"\xff"}, env=WEB),
    "web identity: no role": Case(
        "has no role ARN configured", "Correct", files={"token": "x"},
        env={"AWS_WEB_IDENTITY_TOKEN_FILE": "{home}/token"},
    ),
    "web identity: expired": token("The web identity token has expired", "run the job again", "ExpiredTokenException",
                                   "Token expired: current date/time must be before the expiration date/time"),
    "web identity: not accepted": token("AWS does not accept the web identity token", "identity provider in IAM",
                                        "InvalidIdentityToken", "No OpenIDConnect provider found in your account"),
    "web identity: not trusted": token("The role does not let this web identity in", "trust policy", "AccessDenied",
                                       "Not authorized to perform sts:AssumeRoleWithWebIdentity"),
    "container: nobody there": Case(
        "The container's credentials can't be had from http://127.0.0.1:9/x: Could not connect", "task role (ECS)",
        env={"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/x"},
    ),
    "container: another host": Case(
        "The container's credentials can't be had from http://example.com/x: Unsupported host", "unset it",
        env={"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/x"},
    ),
    "container: an error": Case("{url}/creds: Received non 200 response 500", "unset it", env=CONTAINER,
                                answer=Answer(500, "boom")),
    "container: a page": Case("{url}/creds: Unable to parse JSON", "unset it", env=CONTAINER,
                              answer=Answer(200, "<p>")),
    "container: half": Case("holds no 'AccessKeyId'", "unset it", env=CONTAINER, answer=Answer(200, "{}")),
    "container: no token": Case(
        "{url}/creds asks for a token, and {home}/none: No such file", "EKS",
        env={**CONTAINER, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "{home}/none"},
    ),
    "unknown profile": Case(
        "The config profile (work) could not be found.", "list-profiles", "[default]\n", env={"AWS_PROFILE": "work"}
    ),
    "a configuration file that is not there": Case(
        "The config profile (work) could not be found.", "AWS_CONFIG_FILE names {home}/none, which is not there.",
        env={"AWS_PROFILE": "work", "AWS_CONFIG_FILE": "{home}/none"},
    ),
    "a broken configuration": Case(
        "{home}/.aws/config, line 1 is not in the form", "[default]", "aws_secret_access_key = hunter2\n"
    ),
    "a broken credentials file": Case(
        "{home}/.aws/credentials, line 1 is not in the form", "[default]",
        files={".aws/credentials": "aws_secret_access_key = hunter2\n"},
    ),
    "a configuration of bytes": Case("{home}/.aws/config is not in the form", "[default]", b"\xff\xfe[default]\n"),
    "no source profile": Case(
        'The source_profile "gone" referenced in the profile "default" does not exist.', "~/.aws/config",
        f"[default]\n{ROLE}source_profile = gone\n",
    ),
    "profiles in a circle": Case(
        "Infinite loop in credential configuration", "~/.aws/config",
        f"[default]\n{ROLE}source_profile = b\n[profile b]\n{ROLE}source_profile = default\n",
    ),
    "a role without a source": Case(
        "The AWS profile default has a role_arn, but says not whose credentials may assume it.", "source_profile",
        f"[default]\n{ROLE}",
    ),
    "a role with an empty source": Case(
        "No credentials found in credential_source", "~/.aws/config",
        f"[default]\n{ROLE}credential_source = Environment\n",
    ),
    "a role that may not be assumed": Case(
        "AWS denied AssumeRole: User: arn:aws:iam::1:user/x is not authorized to perform: sts:AssumeRole.",
        "which role or account AWS_PROFILE names",
        f"[default]\n{ROLE}source_profile = b\n[profile b]\naws_access_key_id = A\naws_secret_access_key = B\n",
        env={"AWS_ENDPOINT_URL": "{url}"},
        answer=refusal("AccessDenied", "User: arn:aws:iam::1:user/x is not authorized to perform: sts:AssumeRole"),
    ),
    "SSO: never signed in": Case(
        "The AWS profile default is not signed in, or no longer", "`aws sso login --profile default`",
        f"{SSO}sso_start_url = {START}\nsso_region = us-east-1\n",
    ),
    "SSO: session expired": Case(
        "The AWS profile default is not signed in, or no longer", "`aws sso login --profile default`",
        f"{SSO}sso_start_url = {START}\nsso_region = us-east-1\n",
        files={SSO_TOKEN: '{"accessToken": "hunter2", "expiresAt": "2020-01-01T00:00:00Z"}'},
    ),
    "SSO: token can't be renewed": Case(
        "The AWS profile default is not signed in, or no longer", "`aws sso login --profile default`",
        f"{SSO}sso_session = team\n[sso-session team]\nsso_region = us-east-1\n"
        f"sso_start_url = {START}\n",
        files={SSO_SESSION_TOKEN: '{"accessToken": "hunter2", "expiresAt": "2020-01-01T00:00:00Z"}'},
    ),
    "SSO: no such assignment": Case(
        "AWS denied GetRoleCredentials: No access.", "AWS_PROFILE",
        f"{SSO}sso_start_url = {START}\nsso_region = us-east-1\n",
        files={SSO_TOKEN: '{"accessToken": "hunter2", "expiresAt": "2099-01-01T00:00:00Z"}'},
        env={"AWS_ENDPOINT_URL": "{url}"},
        answer=Answer(403, '{"message": "No access"}', {"x-amzn-ErrorType": "ForbiddenException"}),
    ),
    "SSO: session not described": Case(
        'The specified sso-session does not exist: "team"', "~/.aws/config", f"{SSO}sso_session = team\n"
    ),
    "aws login without its library": Case(
        "logs in with `aws login`, which needs a library", "botocore[crt]", "[default]\nlogin_session = x\n"
    ),
    "endpoint: no URL": Case(
        "it takes `nonsense` for the address of AWS", "AWS_ENDPOINT_URL=nonsense leads away",
        env={**KEYS, "AWS_ENDPOINT_URL": "nonsense"},
    ),
    "endpoint: nobody there": Case(
        "Nobody answers at http://127.0.0.1:9/, where AWS_ENDPOINT_URL leads instead of to AWS.", "--env local",
        env={**KEYS, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
    ),
    "endpoint: another program": Case(
        "is not AWS: it sent status 200 and a web page", "AWS_ENDPOINT_URL={url} leads away",
        env={**KEYS, "AWS_ENDPOINT_URL": "{url}"},
        answer=Answer(200, "<html>hello</html>"),
    ),
    "certificates: no file": Case(
        "AWS_CA_BUNDLE names {home}/none, which holds no certificates", "unset it",
        env={**KEYS, "AWS_ENDPOINT_URL": "{tls}", "AWS_CA_BUNDLE": "{home}/none"},
    ),
    "certificates: another file": Case(
        "AWS_CA_BUNDLE names {home}/token, which holds no certificates", "unset it", files={"token": "x"},
        env={**KEYS, "AWS_ENDPOINT_URL": "{tls}", "AWS_CA_BUNDLE": "{home}/token"},
    ),
    "a setting of the credentials that is no number": Case(
        "The AWS SDK can't take its settings: invalid literal for int() with base 10: 'x'.", "env | grep AWS_",
        env={"AWS_METADATA_SERVICE_TIMEOUT": "x"},
    ),
    "a mode that does not exist": Case(
        "The AWS SDK can't take its settings: Client configured with invalid defaults mode: x", "env | grep AWS_",
        env={**KEYS, "AWS_DEFAULTS_MODE": "x"},
    ),
    "a role for five seconds": Case(
        "The AWS profile default asks for what there is not: Invalid value for parameter DurationSeconds, value: 5",
        "~/.aws/config",
        f"[default]\n{ROLE}duration_seconds = 5\nsource_profile = b\n[profile b]\naws_access_key_id = A\n"
        "aws_secret_access_key = B\n",
        env={"AWS_ENDPOINT_URL": "{url}"},
    ),
    "an expiration that is no time": Case(
        "AWS_CREDENTIAL_EXPIRATION is no time.", "Unset it", env={**KEYS, "AWS_CREDENTIAL_EXPIRATION": "soon"}
    ),
    "an expiration that is past": Case(
        "The environment holds credentials that have expired already.", "AWS_CREDENTIAL_EXPIRATION",
        env={**KEYS, "AWS_CREDENTIAL_EXPIRATION": "2020-01-01T00:00:00Z"},
    ),
}  # fmt: skip
