"""Failures as AWS, PostgreSQL and Python word them, each with the sentence that a person gets."""

from __future__ import annotations

from opsctl.deploy.events import Event, Evidence, ResourceChanged
from tests.unit.deploy.fakes import START

BREAKER = (
    "Resource handler returned message: \"Error occurred during operation 'ECS Deployment Circuit Breaker was "
    "triggered'.\""
    " (RequestToken: f64cd8d2-688e-c32b-16e4-e2f891081a59, HandlerErrorCode: GeneralServiceException)"
)
TASK = "1a2b3c4d5e6f78901a2b3c4d5e6f7890"
GROUP = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/dev-s-Targe/0123456789abcdef"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:opsctl/dev/shop/secrets/API-AbCdEf"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop@sha256:863"
PULL = "CannotPullContainerError: pull image manifest has been retried 5 time(s): "
INIT = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
ASM = (
    f"{INIT}unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch "
    f"secret {SECRET} from secrets manager: "
)
ROLE = "arn:aws:sts::123456789012:assumed-role/dev-shop-app-ServiceExecutionRole-1/abc"
FRAME = '  File "/app/shop/settings.py", line 3, in <module>'


def failed(
    resource: str = "Service", kind: str = "AWS::ECS::Service", reason: str = BREAKER, step: str = "app"
) -> Event:
    return ResourceChanged(step, START, resource, kind, "CREATE_FAILED", reason)


def task(reason: str, *lines: str, code: int | None = None, stop: str = "TaskFailedToStart") -> Evidence:
    return Evidence("app", "task", TASK, reason, stop_code=stop, exit_code=code, lines=lines)


def crashed(*lines: str, code: int = 1) -> Evidence:
    return task("Essential container in task exited", *lines, code=code, stop="EssentialContainerExited")


def unhealthy(why: str, *lines: str) -> tuple[Event, ...]:
    text = f"(service dev-shop) (port 8000) is unhealthy in (target-group {GROUP}) due to (reason {why})"
    reason = f"Task failed ELB health checks in (target-group {GROUP})"
    return (
        Evidence("app", "service", "dev-shop", text),
        task(reason, *lines, code=0, stop="ServiceSchedulerInitiated"),
    )


def placed(why: str) -> Event:
    return Evidence("app", "service", "dev-shop", f"service dev-shop was unable to place a task. Reason: {why}")


_NOT_FOUND_IN_IMAGE = (
    "CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: failed to "
    "create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "
)
OF_A_SERVICE = {
    "the registry can't be reached, as Fargate says it since 2024": (
        (task("CannotPullContainerError: The task cannot pull shop from Amazon ECR. There is a connection issue "
              "between the task and Amazon ECR. Check your task network configuration."),),
        "the image can't be pulled: the tasks can't reach the registry",
    ),
    "the role may not pull, as Fargate says it since 2024": (
        (task("CannotPullContainerError: The task can't pull the image. Check that the role has the permissions to "
              "pull images from the registry."),),
        "the image can't be pulled: the registry refuses it",
    ),
    "the command is not in the image": (
        (task(f'{_NOT_FOUND_IN_IMAGE}"gunicron": executable file not found in $PATH: unknown'),),
        "the image has no program gunicron, which the command starts",
    ),
    "the command is no file": (
        (task(f'{_NOT_FOUND_IN_IMAGE}"/app/run.sh": stat /app/run.sh: no such file or directory: unknown'),),
        "the image has no program /app/run.sh, which the command starts",
    ),
    "the command may not be run": (
        (task(f'{_NOT_FOUND_IN_IMAGE}"/app/run.sh": permission denied: unknown'),),
        "the image's user may not run /app/run.sh, which the command starts",
    ),
    "the network interface takes too long": (
        (task("Timeout waiting for network interface provisioning to complete."),),
        "AWS could not set the task up in time",
    ),
    "the image is not in the registry": (
        (task(f"{PULL}failed to resolve ref {IMAGE}: {IMAGE}: not found"),),
        f"the image {IMAGE} can't be pulled: it is not in the registry",
    ),
    "the registry refuses": (
        (task(f"{PULL}failed to resolve ref {IMAGE}: unexpected status from HEAD request to https://x/v2/shop: "
              f"403 Forbidden"),),
        f"the image {IMAGE} can't be pulled: the registry refuses it",
    ),
    "no route to the registry": (
        (task(f'{PULL}failed to resolve ref "{IMAGE}": failed to do request: Head "https://x": dial tcp '
              f'10.0.3.17:443: i/o timeout'),),
        f"the image {IMAGE} can't be pulled: the tasks can't reach the registry",
    ),
    "the registry has enough": (
        (task(f"{PULL}failed to copy: httpReadSeeker: failed open: unexpected status code: 429 Too Many "
              f"Requests - toomanyrequests"),),
        "the image can't be pulled: its registry takes no more pulls now",
    ),
    "no room for the image on this machine": (
        (task("CannotPullContainerError: [Errno 122] Disk quota exceeded"),),
        "the image can't be unpacked, as the disk's quota is used up",
    ),
    "another platform": (
        (placed("CannotPullContainerError: pull image manifest has been retried 7 time(s): image Manifest does "
                "not contain "
                "descriptor matching platform 'linux/arm64'."),),
        "the image has no build for the processor of the tasks, linux/arm64",
    ),
    "another processor": (
        (crashed("exec /usr/local/bin/python: exec format error"),),
        "the image was built for another processor than its tasks run on (exec format error)",
    ),
    "a secret that is missing": (
        (task(f"{ASM}ResourceNotFoundException: Secrets Manager can't find the specified secret. status code: "
              f"400, request id: 1"),),
        f"a secret that the tasks read, {SECRET}, does not exist or has no value",
    ),
    "a secret that may not be read": (
        (task(f"{ASM}AccessDeniedException: User: {ROLE} is not authorized to perform: "
              f"secretsmanager:GetSecretValue on "
              f"resource: {SECRET} because no identity-based policy allows the secretsmanager:GetSecretValue action"),),
        f"the tasks' execution role may not read the secret {SECRET}",
    ),
    "a secret without that field": (
        (task(f"{ASM[:-40]}retrieved secret from Secrets Manager did not contain json key TOKEN"),),
        "a secret has no field TOKEN",
    ),
    "no way to AWS": (
        (task(f'{INIT}unable to retrieve ecr registry auth: service call has been retried 3 time(s): '
              f'RequestError: send request '
              'failed caused by: Post "https://api.ecr.us-east-2.amazonaws.com/": dial tcp 1.2.3.4:443: i/o '
              'timeout.'),),
        "the tasks can't reach AWS from their subnets to read their secrets and pull their image",
    ),
    "KMS": (
        (task(f"{ASM}AccessDeniedException: Access to KMS is not allowed status code: 400, request id: a87a66d9"),),
        f"KMS denies the use of a key, which {SECRET} is encrypted with",
    ),
    "no log group": (
        (task("ResourceInitializationError: failed to validate logger args: create stream has been retried 1 "
              "times: failed to "
              "create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. "
              ": exit status 1"),),
        "the log group that the tasks write to does not exist",
    ),
    "a role that can't be assumed": (
        (Evidence("app", "service", "dev-shop", "service dev-shop failed to launch a task with (error ECS was "
                                                "unable to assume the "
                  "role 'arn:aws:iam::1:role/dev-execution' that was provided for this task. Please verify that "
                  "the role being "
                  "passed has the proper trust relationship and permissions and that your IAM user has "
                  "permissions to pass "
                  "this role.)."),),
        "ECS can't assume the tasks' role arn:aws:iam::1:role/dev-execution: it is missing, or does not trust "
        "ecs-tasks.amazonaws.com",
    ),
    "no capacity": (
        (placed("Capacity is unavailable at this time. Please try again later or in a different availability zone."),),
        "AWS has no capacity for the tasks in these zones at this time",
    ),
    "no address": (
        (task("Unexpected EC2 error while attempting to Create Network Interface: InsufficientFreeAddressesInSubnet"),),
        "a subnet has no free IP address left for the tasks",
    ),
    "no interface": (
        (placed("You've reached the limit on the number of network interfaces you can create in this Region."),),
        "the account has no network interface left for the tasks (a quota of EC2)",
    ),
    "the quota of Fargate": (
        (placed("You've reached the limit on the number of vCPUs you can run concurrently."),),
        "the account may not run more tasks (a quota of Fargate)",
    ),
    "an exception at the start": (
        (crashed("Traceback (most recent call last):", FRAME, "    SECRET_KEY = ''",
                 "django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be empty.",
                 "[2026-11-29 12:00:00 +0000] [7] [INFO] Worker exiting (pid: 7)",
                 "[2026-11-29 12:00:00 +0000] [1] [ERROR] Reason: Worker failed to boot."),),
        "ImproperlyConfigured: The SECRET_KEY setting must not be empty",
    ),
    "its last words": (
        (crashed("Starting", "the cache server is unknown", code=3),), "the cache server is unknown",
    ),
    "out of memory": (
        (task("OutOfMemoryError: Container killed due to memory usage", code=137, stop="EssentialContainerExited"),),
        "the container was stopped for using more memory than it has",
    ),
    "killed, without a word why": (
        (crashed("[INFO] Booting worker", code=137),),
        "the container was stopped for using more memory than it has",
    ),
    "a variable that is missing": (
        (crashed("Traceback (most recent call last):", FRAME, "    os.environ['REDIS_URL']", "KeyError: 'REDIS_URL'"),),
        "the environment variable REDIS_URL is not set",
    ),
    "the port is in use": (
        (crashed("[2026-11-29 12:00:00 +0000] [1] [ERROR] Connection in use: ('0.0.0.0', 8000)"),),
        "the port 8000 is in use already inside the container",
    ),
    "the database refuses": (
        (crashed("Traceback (most recent call last):", FRAME, "    connect()",
                 'django.db.utils.OperationalError: connection to server at "db.internal" (10.0.3.7), port 5432 '
                 'failed: Connection '
                 "refused", "\tIs the server running on that host and accepting TCP/IP connections?"),),
        "the database at db.internal:5432 refuses connections",
    ),
    "too many connections": (
        (crashed("Traceback (most recent call last):", FRAME, "    connect()",
                 'psycopg.OperationalError: connection failed: FATAL:  sorry, too many clients already'),),
        "the database has no free connection",
    ),
    "a file system that is read-only": (
        (crashed("Traceback (most recent call last):", FRAME, "    open(path, 'w')",
                 "OSError: [Errno 30] Read-only file system: '/app/cache.json'"),),
        "the application writes to /app/cache.json, and the container's file system is read-only",
    ),
    "a full disk": (
        (crashed("Traceback (most recent call last):", FRAME, "    write()", "OSError: [Errno 28] No space left "
                                                            "on device"),),
        "the task's disk is full",
    ),
    "a quota that is used up": (
        (crashed("Traceback (most recent call last):", FRAME, "    write()", "OSError: [Errno 122] Disk quota "
                                                            "exceeded: '/mnt/media/a.jpg'"),),
        "the disk's quota is used up (/mnt/media/a.jpg)",
    ),
    "health 404": (unhealthy("Health checks failed with these codes: [404]"),
                   "the health check gets 404: the application has no such page at that path"),
    "health 301": (unhealthy("Health checks failed with these codes: [301]"),
                   "the health check gets 301: that path redirects, and a load balancer does not follow"),
    "health 500": (unhealthy("Health checks failed with these codes: [500]", "Traceback (most recent call "
                                                            "last):", FRAME,
                             "    boom()", "shop.errors.NoCatalogError: empty"),
                   "the health check gets 500: the application fails on it: NoCatalogError: empty"),
    "health timeout": (unhealthy("Request timed out"), "the health check gets no answer in time"),
    "health refused": (unhealthy("Health checks failed"),
                       "the health check gets no connection: nothing in the task listens on the port that is asked"),
}  # fmt: skip
OF_A_RESOURCE = {
    "a disk of this machine that is full": (
        ("Database", "AWS::RDS::DBInstance", 'could not create file "base/16385/2618": No space left on device\n'),
        "the disk is full",
    ),
    "a quota of this machine": (
        ("Database", "AWS::RDS::DBInstance", 'could not create file "base/16385/2618": Disk quota exceeded\n'),
        "the disk's quota is used up",
    ),
    "a certificate that waits": (
        ("Certificate", "AWS::CertificateManager::Certificate",
         "Content of DNS Record is: {Name: _x1.shop.example.com.,Type: CNAME,Value: _y2.acm-validations.aws.}"),
        "the certificate waits until its domain is validated: DNS has no record _x1.shop.example.com",
    ),
    "a certificate that was waited for": (
        ("Certificate", "AWS::CertificateManager::Certificate",
         'Resource handler returned message: "Exceeded attempts to wait" (RequestToken: 34894148, '
         'HandlerErrorCode: NotStabilized)'),
        "the certificate was not validated in time: its DNS record is missing, or the hosted zone is not the domain's",
    ),
    "a quota": (
        ("Vpc", "AWS::EC2::VPC",
         'Resource handler returned message: "The maximum number of VPCs has been reached. (Service: Ec2, '
         'Status Code: 400, '
         'Request ID: 5ce9e2b3-ab97-48ae-9110-21df5e97e9b5)" (RequestToken: 79d65bb7, HandlerErrorCode: '
         'GeneralServiceException)'),
        "a quota of the account is used up: VPCs",
    ),
    "a name that is taken": (
        ("Cluster", "AWS::S3::Bucket", 'Resource handler returned message: "shop-site already exists" '
         "(RequestToken: 1, HandlerErrorCode: AlreadyExists)"),
        "what it makes exists already under that name (shop-site)",
    ),
    "a name that is taken, as the registry's handlers say it": (
        ("Group", "AWS::Logs::LogGroup", "Resource handler returned message: \"Resource of type "
         "'AWS::Logs::LogGroup' with identifier '{\"/properties/LogGroupName\":\"/shop/web\"}' already exists.\" "
         "(RequestToken: 1, HandlerErrorCode: AlreadyExists)"),
        "what it makes exists already under that name (/shop/web)",
    ),
    "a name that leads elsewhere": (
        ("AliasIpv4", "AWS::Route53::RecordSet",
         "[Tried to create resource record set [name='shop.example.com.', type='A'] but it already exists]"),
        "Route 53 has a record of shop.example.com already, which leads elsewhere, and takes a name once",
    ),
    "a name that leads elsewhere by another name": (
        ("AliasIpv4", "AWS::Route53::RecordSet",
         "[RRSet of type A with DNS name shop.example.com. is not permitted because a conflicting RRSet of type  CNAME "
         "with the same DNS name already exists in zone example.com.]"),
        "Route 53 has a record of shop.example.com already, which leads elsewhere, and takes a name once",
    ),
    "a name that leads elsewhere, on this machine": (
        ("AliasIpv4", "AWS::Route53::RecordSet", "Route 53 record already exists: shop.example.com. type A set=''"),
        "Route 53 has a record of shop.example.com already, which leads elsewhere, and takes a name once",
    ),
    "a permission that the caller lacks": (
        ("Role", "AWS::IAM::Role",
         'Resource handler returned message: "User: arn:aws:sts::1:assumed-role/ci/run is not authorized to perform: '
         "iam:CreateRole on resource: arn:aws:iam::1:role/dev-x because no identity-based policy allows the "
         "iam:CreateRole "
         'action (Service: Iam, Status Code: 403, Request ID: abc-1)" (RequestToken: 1, HandlerErrorCode: '
         'AccessDenied)'),
        "arn:aws:sts::1:assumed-role/ci/run may not iam:CreateRole on arn:aws:iam::1:role/dev-x",
    ),
    "a key that may not be used": (
        ("Database", "AWS::RDS::DBInstance",
         "User: arn:aws:iam::1:user/ann is not authorized to perform: kms:CreateGrant on resource: "
         "arn:aws:kms:us-east-1:1:key/2"),
        "KMS denies the use of a key (kms:CreateGrant) on arn:aws:kms:us-east-1:1:key/2",
    ),
    "too many questions at once": (
        ("Role", "AWS::IAM::Role", "Resource handler returned message: \"Rate exceeded for operation 'CREATE'.\" "
         "(RequestToken: 1, HandlerErrorCode: Throttling)"),
        "AWS was asked too often at once, and refused it",
    ),
    "a session that ended": (
        ("Role", "AWS::IAM::Role", "The security token included in the request is expired (Service: Iam, Status Code: "
         "403, Request ID: 1-2)"),
        "the credentials with which CloudFormation worked have ended",
    ),
    "what nobody knows": (
        ("Topic", "AWS::SNS::Topic", 'Resource handler returned message: "The topic is odd. (Service: Sns, '
                                     'Status Code: 400, '
         'Request ID: 1-2)" (RequestToken: 1, HandlerErrorCode: InvalidRequest)'),
        "The topic is odd",
    ),
}  # fmt: skip
