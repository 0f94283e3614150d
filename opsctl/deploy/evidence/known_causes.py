"""What AWS, PostgreSQL and Python say when something is wrong, as a sentence and what to do about it.

The first pattern that fits decides, so that special ones stand before general ones. Wordings are those of ECS (UG,
stopped tasks error messages; service event messages), of the handlers of CloudFormation's resource types, of libpq and
of PostgreSQL's server, and of Python's own exceptions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Source = Literal["task", "log", "target", "service", "resource"]
"""Who says it: ECS of a stopped task, an application's or a function's log, a target group, ECS of a service, and
CloudFormation of a resource."""


@dataclass(frozen=True, slots=True)
class Known:
    """`sentence` may name groups of `pattern`: `{name}`; one that did not take part is left out with what is in its
    square brackets: `[ at {host}]`. `sources` are those in which it counts; none stands for all.
    """

    pattern: re.Pattern[str]
    sentence: str
    next: str
    sources: frozenset[Source] = frozenset()


@dataclass(frozen=True, slots=True)
class Found:
    """A cause and what to do next."""

    sentence: str
    next: str


# What is longer is searched at both its ends.
_LONGEST = 2000


def known(text: str, source: Source) -> Found | None:
    """What `text` is known to mean; None for what says nothing known."""
    if len(text) > _LONGEST:
        text = text[: _LONGEST // 2] + text[-_LONGEST // 2 :]
    for each in _KNOWN:
        if each.sources and source not in each.sources:
            continue
        if match := each.pattern.search(text):
            return Found(_filled(each.sentence, match), _filled(each.next, match))
    return None


def _filled(text: str, match: re.Match[str]) -> str:
    groups = {name: (value or "").strip(" .'\"") for name, value in match.groupdict().items()}

    def optional(part: re.Match[str]) -> str:
        inside = part[1].format(**groups)
        return inside if all(groups[name] for name in re.findall(r"\{(\w+)\}", part[1])) else ""

    return re.sub(r"\[([^\[\]]*\{\w+\}[^\[\]]*)\]", optional, text).format(**groups)


def _rows(*rows: tuple[str, str, str] | tuple[str, str, str, str]) -> Iterator[Known]:
    for pattern, sentence, following, *sources in rows:
        wanted = frozenset(sources[0].split()) if sources else frozenset()
        yield Known(re.compile(pattern, re.IGNORECASE | re.DOTALL), sentence, following, wanted)  # type: ignore[arg-type]


_ROUTES = (
    "Check the way out of the private subnets (NAT, or interface endpoints for it), and that the security groups allow "
    "port 443."
)
_PULL = r"CannotPull\w{0,40}Error.*?"
# The image is looked for ahead, as what decides stands behind it.
_PULL_OF = r"CannotPull\w{0,40}Error(?=.*?\bref(?:erence)? \"?(?P<image>[^\s\"]+?)\"?: |).*?"
_START = (
    # -- the image ---------------------------------------------------------------------------------------------------
    (r"descriptor matching platform '?(?P<platform>[\w/]+)|find a descriptor for platform \{?'?(?P<other>[\w/]+)|"
     r"no match(?:ing manifest)? for (?:platform )?(?P<third>[\w/]*)",
     "the image has no build for the processor of the tasks[, {platform}][, {other}]",
     "Build the image for it, or set ecs.cpu_architecture to what the image was built for; then deploy again."),
    (r"exec format error", "the image was built for another processor than its tasks run on (exec format error)",
     "Build the image for the tasks' processor, or set ecs.cpu_architecture to the image's; then deploy again."),
    (_PULL + r"Disk quota exceeded", "the image can't be unpacked, as the disk's quota is used up",
     "Make room in the quota (`quota -s` shows it), then do it again."),
    (_PULL + r"no space left on device", "the image does not fit on the task's disk",
     "Make the image smaller, or give the task a larger disk (`disk`); then deploy again."),
    (_PULL + r"(?:toomanyrequests|429 Too Many)", "the image can't be pulled: its registry takes no more pulls now",
     "Wait, or pull from ECR (a copy of the base image in a repository of yours); then deploy again."),
    (_PULL_OF + r"(?:403 Forbidden|no basic auth|pull access denied|AccessDenied|not authorized|401|role has the perm)",
     "the image[ {image}] can't be pulled: the registry refuses it",
     "Let the execution role pull (ecr:GetAuthorizationToken, ecr:BatchGetImage, ecr:GetDownloadUrlForLayer) and look "
     "at the repository's own policy, above all from another account; then deploy again."),
    (_PULL_OF + r"(?:not found|manifest unknown|does not exist)",
     "the image[ {image}] can't be pulled: it is not in the registry",
     "Push it, or deploy another with `--image-tag`; a lifecycle rule may have dropped it."),
    (_PULL_OF + r"(?:timeout|timed out|no route|unreachable|dial tcp|deadline|request canceled|connection issue|"
     r"network configuration)",
     "the image[ {image}] can't be pulled: the tasks can't reach the registry", _ROUTES),
    (r"CannotPull\w*Error:? ?(?P<why>.{0,200})", "the image can't be pulled: {why}",
     "Correct what the registry says, then deploy again."),
    (r"exec:? \"(?P<what>[^\"]+)\": (?:executable file not found|stat [^:]+: no such file|.{0,60}no such file)|"
     r"executable file not found",
     "the image has no program[ {what}], which the command starts",
     "Correct the command of the process in environments.yaml, or install the program into the image; deploy again."),
    (r"exec:? \"(?P<what>[^\"]+)\": permission denied", "the image's user may not run {what}, which the command starts",
     "Make it executable in the image (`chmod +x`), or start it by its interpreter; then deploy again."),
    # -- secrets, keys, logs and roles, before the container starts ---------------------------------------------------
    (r"(?:fetch secret (?P<secret>arn:\S+).*?)?Access to KMS is not allowed|"
     r"is not authorized to perform: (?P<action>kms:\w+)(?: on (?:the )?resource:? (?P<key>\S+))?|"
     r"KMS[\w.]{0,40}(?:AccessDenied|DisabledException|InvalidState)|KMS key .{0,80}(?:disabled|pending deletion)",
     "KMS denies the use of a key[ ({action})][ on {key}][, which {secret} is encrypted with]",
     "Allow the role that is named kms:Decrypt in the key's policy, and check that the key is enabled; deploy again."),
    (r"did not contain json key (?P<field>\S+)", "a secret has no field {field}",
     "Write the field into the secret (`opsctl secret set`), or name another; then deploy again."),
    (r"fetch secret (?P<secret>arn:\S+).{0,80}?(?:AccessDenied|is not authorized)|"
     r"(?P<role>arn:aws\S*) is not authorized to perform: (?P<what>(?:secretsmanager|ssm):Get\w+)"
     r"(?: on (?:the )?resource:? (?P<on>arn:\S+))?",
     "the tasks' execution role may not read the secret[ {secret}][ {on}]",
     "Allow the execution role secretsmanager:GetSecretValue on it (a secret of another account also needs its own "
     "policy); then deploy again.", "task service log"),
    (r"(?:fetch secret (?P<secret>arn:\S+).*?)?(?:can't find the specified secret|ResourceNotFoundException: Secrets "
     r"Manager)(?P<value> value)?|invalid ssm parameters: (?P<parameter>\S+)",
     "a secret that the tasks read[, {secret},][, {parameter},] does not exist or has no value",
     "Give it a value with `opsctl secret set NAME --env ENV`, then deploy again."),
    (r"(?:ResourceInitializationError|unable to pull secrets or registry auth).*?(?:deadline exceeded|i/o timeout|"
     r"RequestCanceled|send request failed|connection issue|no such host)",
     "the tasks can't reach AWS from their subnets to read their secrets and pull their image", _ROUTES),
    (r"specified log group does not exist", "the log group that the tasks write to does not exist",
     "Deploy the platform stack, which makes it: `opsctl deploy platform`, then all."),
    (r"failed to (?:validate logger args|create Cloudwatch log|initialize logging driver).{0,200}?(?:AccessDenied|not "
     r"authorized)", "the tasks' execution role may not write to their log group",
     "Allow it logs:CreateLogStream and logs:PutLogEvents on the group; then deploy again."),
    (r"unable to assume the(?: execution| task)? ?role '?(?P<role>arn:[^\s']+|[\w/-]+)?|"
     r"role with name (?P<name>\S+) cannot be found|(?:invalid|NoSuchEntity).{0,60}role",
     "ECS can't assume the tasks' role[ {role}][ {name}]: it is missing, or does not trust ecs-tasks.amazonaws.com",
     "Deploy all stacks, which make the role anew, and see who deleted or changed it (CloudTrail, DeleteRole)."),
    (r"ResourceInitializationError.{0,200}Disk quota exceeded(?:: ?'?(?P<path>[^'\n]+))?",
     "the task could not be set up, as the disk's quota is used up[ ({path})]",
     "Make room in the quota (`quota -s` shows it), then do it again."),
    (r"ResourceInitializationError.{0,200}No space left on device(?:: ?'?(?P<path>[^'\n]+))?",
     "the task could not be set up, as the disk is full[ ({path})]",
     "Make room there (on this machine `df -h` shows where; on AWS `disk` gives the task more), then do it again."),
    (r"ResourceInitializationError:? ?(?P<why>.{0,200})", "the task could not be set up: {why}",
     "Correct what it says, then deploy again."),
    # -- room for the tasks ------------------------------------------------------------------------------------------
    (r"Capacity is unavailable at this time|RESOURCE:(?:FARGATE|CPU|MEMORY)",
     "AWS has no capacity for the tasks in these zones at this time",
     "Deploy again in some minutes; with subnets in more zones it happens less."),
    (r"InsufficientFreeAddresses\w*|(?:not have enough|insufficient) free (?:IP )?addresses",
     "a subnet has no free IP address left for the tasks",
     "Stop what else uses the subnets' addresses, or make the subnets larger (network settings); then deploy again."),
    (r"(?:limit|maximum number|quota).{0,60}network interface|network interface.{0,60}(?:limit|quota|exceeded)|"
     r"NetworkInterfaceLimitExceeded|RESOURCE:ENI",
     "the account has no network interface left for the tasks (a quota of EC2)",
     "Ask for more of `Network interfaces per Region` in Service Quotas, or remove unused ones; then deploy again."),
    (r"reached (?:the|your) limit on the number of (?P<what>tasks|vCPUs)[^.]*|vCPU.{0,20}limit",
     "the account may not run more tasks (a quota of Fargate)",
     "Ask for more of `Fargate On-Demand vCPU resource count` in Service Quotas; then deploy again."),
    (r"Timeout waiting for network interface provisioning|InternalError: unable to create new container",
     "AWS could not set the task up in time", "Deploy again: it is AWS's own trouble, and passes."),
    (r"ECS was unable to (?:place|start).{0,40}service[- ]linked role|service linked role",
     "the account lacks the service-linked role of ECS",
     "`aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com`, then deploy again."),
    (r"OutOfMemory\w*|killed due to memory usage|MemoryError\b|Cannot allocate memory",
     "the container was stopped for using more memory than it has",
     "Give it more (`memory` of the process in environments.yaml), or let it use less; then deploy again."),
)  # fmt: skip
_RUNNING = (
    # -- what an application meets at its start ------------------------------------------------------------------------
    (r"Connection in use: \('[^']*', (?P<port>\d+)\)|(?:port|:) ?(?P<other>\d+)[^\n]{0,40}address already in use|"
     r"Address already in use", "the port[ {port}][ {other}] is in use already inside the container",
     "Let one process alone listen there: look at the web command and at what it starts; then deploy again."),
    (r"Errno 13\] Permission denied: \('[^']*', (?P<port>\d+)\)|bind\(\).{0,60}permission denied",
     "the process may not listen on the port[ {port}]",
     "Choose a port above 1024 (`web.port`), as the image's user is not root; then deploy again."),
    (r"Read-only file system(?:: ?'?(?P<path>[^'\n]+))?",
     "the application writes[ to {path}], and the container's file system is read-only",
     "Write below /tmp, to a path that the process names as `scratch`, or to a bucket; then deploy again."),
    (r"Disk quota exceeded(?:: ?'?(?P<path>[^'\n]+))?", "the disk's quota is used up[ ({path})]",
     "Make room in the quota (`quota -s` shows it), then deploy again."),
    # Only the local target's functions run on a disk that somebody has.
    (r"No space left on device(?:: ?'?(?P<path>[^'\n]+))?", "the disk is full[ ({path})]",
     "Make room on this machine (`df -h` shows where), then deploy again.", "resource"),
    (r"No space left on device(?:: ?'?(?P<path>[^'\n]+))?", "the task's disk is full[ ({path})]",
     "Write less, delete what is not needed, or give the task a larger disk (`disk`); then deploy again."),
    (r"(?:server at|host) \"(?P<host>[^\"]+)\"(?=[^\n]*?port (?P<port>\d+)|)[^\n]*Connection refused|"
     r"(?:psycopg\w*\.|django\.db\.utils\.)OperationalError[^\n]*Connection refused",
     "the database[ at {host}][:{port}] refuses connections",
     "Check that it is available, and that the application's host and port are the database's; then deploy again."),
    (r"too many clients already|remaining connection slots|too many connections for (?:role|database) \"?(?P<who>\w+)",
     "the database has no free connection[ for {who}]",
     "Let the processes open fewer connections, or raise max_connections; then deploy again."),
    (r"(?:server at|host) \"(?P<host>[^\"]+)\"[^\n]*(?:timeout expired|timed out|No route to host|unreachable)",
     "the database at {host} can't be reached from the tasks",
     "Check that the address is the database's, the security groups, and the subnets' routes; then deploy again."),
    (r"could not translate host name \"(?P<host>[^\"]+)\"", "the database's host name {host} is unknown",
     "Correct the host that the application uses; then deploy again."),
    (r"password authentication failed for user \"(?P<user>[^\"]+)|PAM authentication failed for user \"(?P<pam>[^\"]+)",
     "the database does not let {user}{pam} in: the password or token is wrong",
     "`opsctl db status` says how its login stands, `opsctl db rotate` renews it; then deploy again."),
    (r"permission denied (?:for|to) (?P<what>[^\n\"]{1,80})", "the database denies it: permission denied for {what}",
     "`opsctl db init` gives roles what they should have; what somebody made by hand needs a GRANT; deploy again.",
     "log"),
    (r"database \"(?P<name>[^\"]+)\" does not exist", "the server has no database {name}",
     "Compare rds.database with what the application is told; then deploy again."),
    (r"(?:KeyError: '(?P<name>[A-Z][A-Z0-9_]+)')|Set the (?P<environ>\w+) environment variable|"
     r"UndefinedValueError: (?P<decouple>\w+) not found|(?:environment )?variable (?P<other>[A-Z][A-Z0-9_]+) "
     r"(?:is not set|must be set|is missing|is required)",
     "the environment variable {name}{environ}{decouple}{other} is not set",
     "Write it to application.environment, or to application.secrets where it is secret; then deploy again.", "log"),
)  # fmt: skip
_HEALTH = (
    # -- health checks -----------------------------------------------------------------------------------------------
    (r"failed with these codes: \[(?P<code>3\d\d)\]",
     "the health check gets {code}: that path redirects, and a load balancer does not follow",
     "Correct `web.health` in environments.yaml to a path as the application has it, with its last slash, which "
     "neither a login nor SECURE_SSL_REDIRECT redirects; then deploy again."),
    (r"failed with these codes: \[(?P<code>404)\]",
     "the health check gets {code}: the application has no such page at that path",
     "Correct `web.health` in environments.yaml to a path that answers without login or redirect; then deploy again."),
    (r"failed with these codes: \[(?P<code>400)\]",
     "the health check gets 400, mostly because ALLOWED_HOSTS does not hold what the load balancer asks for",
     "Let opsctl's layer answer health checks (the default path), or allow the host; then deploy again."),
    (r"failed with these codes: \[(?P<code>40[13])\]", "the health check gets {code}: the page wants a login",
     "Correct `web.health` in environments.yaml to a path that anybody may see; then deploy again."),
    (r"failed with these codes: \[(?P<code>5\d\d)\]", "the health check gets {code}: the application fails on it",
     "Correct the error that the task's log tells; then deploy again."),
    (r"failed with these codes: \[(?P<code>[\d, ]+)\]", "the health check gets {code}, which does not count as healthy",
     "Correct `web.health` in environments.yaml (its path, or its codes); then deploy again."),
    (r"Target\.Timeout|\(reason Request timed out\)|health checks?.{0,80}timed? ?out",
     "the health check gets no answer in time",
     "See in the log what the application waits for at its start (a database, a slow import), or give it more time or "
     "CPU; then deploy again."),
    (r"Target\.FailedHealthChecks|\(reason Health checks failed\)|failed (?:ELB|container) health checks",
     "the health check gets no connection: nothing in the task listens on the port that is asked",
     "Let the web process listen on 0.0.0.0 and on the port of `web.port` (variable PORT); then deploy again."),
)  # fmt: skip
_MADE = (
    # -- what CloudFormation could not make ----------------------------------------------------------------------------
    (r"Content of DNS Record is: ?\{Name: (?P<name>[^,]+), ?Type: (?P<type>\w+), ?Value: (?P<value>[^}]+)\}",
     "the certificate waits until its domain is validated: DNS has no record {name}",
     "Write the record {name} {type} {value} to the domain's DNS (or name its hosted zone), then deploy again."),
    (r"(?:certificate|ACM).{0,120}(?:PENDING_VALIDATION|pending validation|validation timed out|did not stabilize|"
     r"exceeded attempts)|Exceeded attempts to wait.{0,80}certificate",
     "the certificate was not validated in time: its DNS record is missing, or the hosted zone is not the domain's",
     "`aws acm describe-certificate` names the record; write it to the domain's DNS, then deploy again.", "resource"),
    (r"maximum number of (?P<what>[\w ()-]+?) (?:has been reached|is)|limit on the number of (?P<other>[\w ]+)",
     "a quota of the account is used up: {what}{other}",
     "Ask for more in Service Quotas, or remove what is not used; then deploy again.", "resource"),
    (r"(?P<what>\w{0,60}(?:LimitExceeded|QuotaExceeded)\w{0,40})|(?:quota|limit) (?:for|of)? ?.{0,60}exceeded|"
     r"exceed(?:s|ed)? (?:the |your )?.{0,40}(?:quota|limit)|would exceed.{0,60}",
     "a quota of the account is used up[ ({what})]",
     "Ask for more in Service Quotas, or remove what is not used; then deploy again.", "resource"),
    # A change set of ours imports what is there; CloudFormation imports only what a stack keeps when it is deleted.
    (r"attempting to import .{0,300}?affected resources are (?P<what>.{1,400})",
     "what it makes exists already under that name, in no stack: {what}",
     "Delete or rename what is there, or give it another name in environments.yaml; then deploy again.", "resource"),
    # Whoever deletes what is there takes a service off the net.
    (r"resource record set \[name='(?P<name>[^']{1,255}?)\.?', type='\w+'\] but it already exists|"
     r"RRSet of type \w+ with DNS name (?P<other>\S{1,255}?)\.? is not permitted|"
     r"Route 53 record already exists: (?P<here>\S{1,255}?)\.? type",
     "Route 53 has a record of {name}{other}{here} already, which leads elsewhere, and takes a name once",
     "To move the name without a gap, set certificate_arn, leave hosted_zone_id away, deploy, and change the record "
     "yourself. Where a gap is no matter, delete the record; then deploy again.", "resource"),
    (r"with identifier '(?:\{[^:]{1,80}:)?\"?(?P<what>[^\"']{1,200})\"?\}?' already exists"
     r"(?: in stack (?P<stack>\S+))?",
     "what it makes exists already under that name[ ({what})][, in the stack {stack}]",
     "Delete or rename what is there, or choose another name in environments.yaml; then deploy again.", "resource"),
    (r"(?P<what>[^\s\"]{1,200}) already exists(?: in stack (?P<stack>\S+))?|HandlerErrorCode: AlreadyExists|"
     r"(?:EntityAlreadyExists|BucketAlreadyExists|BucketAlreadyOwnedByYou|ResourceExistsException|ResourceInUseException)",
     "what it makes exists already under that name[ ({what})][, in the stack {stack}]",
     "Delete or rename what is there, or choose another name in environments.yaml; then deploy again.", "resource"),
    (r"(?:User: )?(?P<who>arn:aws\S+) is not authorized to perform: (?P<action>[\w-]+:\w+)"
     r"(?: on (?:the )?resource:? (?P<on>\S+))?",
     "{who} may not {action}[ on {on}]",
     "Give whoever deploys this permission: `opsctl env policy` prints all that a deploy needs; then deploy again.",
     "resource service"),
    (r"not authorized to perform this operation|UnauthorizedOperation|AccessDenied",
     "AWS does not allow this to whoever deploys",
     "`opsctl env policy` prints all that a deploy needs; give whoever deploys the missing part, then deploy again.",
     "resource"),
)  # fmt: skip
_PASSING = (
    # -- what is nobody's fault, and not the resource's ----------------------------------------------------------------
    (r"Rate exceeded|HandlerErrorCode: Throttling|ThrottlingException|TooManyRequestsException",
     "AWS was asked too often at once, and refused it", "Deploy again in some minutes: it starts from here.",
     "resource"),
    (r"security token included in the request is (?:expired|invalid)|ExpiredToken",
     "the credentials with which CloudFormation worked have ended",
     "Sign in again, then deploy again: it starts from here.", "resource"),
)  # fmt: skip
_KNOWN: tuple[Known, ...] = tuple(_rows(*_START, *_RUNNING, *_HEALTH, *_MADE, *_PASSING))
