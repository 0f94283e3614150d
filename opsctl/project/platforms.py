"""Files that told other platforms how to run the project: Heroku, Render, Fly, Kamal, Copilot, compose, an example."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from opsctl.project import shell
from opsctl.project.findings import Fact, Source
from opsctl.project.gathered import Gathered
from opsctl.project.reading import Block, Reader, join, listing, mapping, word

EXAMPLES = (".env.example", ".env.sample", ".env.dist", ".env.template", "env.example", "example.env", "sample.env")
_COMPOSE = (
    "compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml", "compose.prod.yaml",
    "compose.production.yaml", "docker-compose.prod.yml", "docker-compose.production.yml", "production.yml",
)  # fmt: skip
# What a service does once, or for a developer.
_ONCE = re.compile(
    r"manage\.py\s+(\w*migrat\w*|collectstatic|createsuperuser|loaddata|compilemessages|compress|test|shell\w*|check|"
    r"runserver\w*)\b"
)
_SERVES = re.compile(r"web|www|app|api|backend|server|django|site|[aw]sgi")


def gather(reader: Reader, manage: str, path: str) -> Gathered:
    """Everything told, the files in the project's folder before those of the repository's."""
    gathered = Gathered(manage, path)
    for folder in dict.fromkeys((path, "")):
        for read in (_procfile, _app_json, _heroku, _render, _fly, _kamal):
            read(reader, folder, gathered)
    _copilot(reader, gathered)
    for folder in dict.fromkeys((path, "")):
        _compose(reader, folder, gathered)
        _examples(reader, folder, gathered)
    return gathered


def _procfile(reader: Reader, folder: str, gathered: Gathered) -> None:
    name = join(folder, "Procfile")
    for number, line in reader.lines(name):
        found = re.match(r"^([A-Za-z0-9_-]+):\s*(\S.*)$", line)
        if found:
            _process(gathered, found[1], found[2], Source(name, number))


def _process(gathered: Gathered, name: str, command: object, source: Source) -> None:
    if name == "web":
        gathered.serve(command, source)
    elif name == "release":
        gathered.prepare(command, source)
    else:
        gathered.work(name, command, source)


def _app_json(reader: Reader, folder: str, gathered: Gathered) -> None:
    name = join(folder, "app.json")
    data = reader.json(name)
    for key, value in mapping(data.get("env")).items():
        source = Source(name, reader.line_of(name, rf'"{re.escape(key)}"\s*:'))
        if isinstance(value, dict) and (value.get("generator") == "secret" or "value" not in value):
            if value.get("required") is not False:
                gathered.secret(key, source)
        else:
            gathered.variable(key, mapping(value).get("value", value), source)
    for addon in listing(data.get("addons")):
        plan = word(mapping(addon).get("plan", addon))
        gathered.backing(plan, Source(name, reader.line_of(name, re.escape(plan))))
    for number, each in enumerate(listing(data.get("cron")), 1):
        line = reader.line_of(name, re.escape(word(mapping(each).get("command"))))
        command = word(mapping(each).get("command"))
        gathered.schedule(_job_name(command, number), command, word(mapping(each).get("schedule")), Source(name, line))
    if "postdeploy" in mapping(data.get("scripts")):
        line = reader.line_of(name, "postdeploy")
        gathered.notes.append(f"{Source(name, line)} runs a script once for a new app; run it with `opsctl run`.")


def _job_name(command: str, number: int) -> str:
    found = re.search(r"manage\.py\s+([\w-]+)", command)
    return found[1] if found else f"job-{number}"


def _heroku(reader: Reader, folder: str, gathered: Gathered) -> None:
    name = join(folder, "heroku.yml")
    data = reader.yaml(name)
    docker = mapping(mapping(data.get("build")).get("docker"))
    file = mapping(docker.get("web")).get("dockerfile", docker.get("web"))
    if isinstance(file, str) and gathered.dockerfile is None:
        gathered.dockerfile = Fact(file, Source(name, _line(docker, "web")))
    config = mapping(mapping(data.get("build")).get("config"))
    for key, value in config.items():
        gathered.variable(key, value, Source(name, _line(config, key)))
    release = mapping(data.get("release"))
    for each in ["\n".join(map(word, listing(release.get("command"))))] if release else []:
        gathered.prepare(" && ".join(each.splitlines()), Source(name, _line(release, "command")))
    run = mapping(data.get("run"))
    for key, value in run.items():
        command = mapping(value).get("command", value)
        _process(gathered, key, " && ".join(map(word, command)) if isinstance(command, list) else command,
                 Source(name, _line(run, key)))  # fmt: skip


def _render(reader: Reader, folder: str, gathered: Gathered) -> None:
    name = join(folder, "render.yaml")
    data = reader.yaml(name)
    groups = {word(each.get("name")): each for each in _blocks(data.get("envVarGroups"))}
    for service in _blocks(data.get("services")):
        kind, source = word(service.get("type")), Source(name, _line(service, "startCommand", "dockerCommand", "name"))
        command = service.get("startCommand", service.get("dockerCommand"))
        if kind == "web":
            gathered.serve(command, source)
            gathered.prepare(service.get("preDeployCommand"), Source(name, _line(service, "preDeployCommand")))
            _health(gathered, service.get("healthCheckPath"), Source(name, _line(service, "healthCheckPath")))
        elif kind in {"worker", "pserv"}:
            gathered.work(word(service.get("name")), command, source)
        elif kind in {"redis", "keyvalue"}:
            gathered.backing("redis", source)
        elif kind == "cron":
            gathered.schedule(word(service.get("name")), command, word(service.get("schedule")), source)
        if word(service.get("runtime", service.get("env"))) == "docker" and gathered.dockerfile is None:
            file = word(service.get("dockerfilePath")).removeprefix("./") or "Dockerfile"
            gathered.dockerfile = Fact(file, source)
        given = _blocks(service.get("envVars"))
        given += [
            each
            for group in given
            for each in _blocks(mapping(groups.get(word(group.get("fromGroup")))).get("envVars"))
        ]
        for each in given:
            _render_variable(gathered, each, Source(name, _line(each, "key")))


def _render_variable(gathered: Gathered, each: Block, source: Source) -> None:
    if "value" in each:
        gathered.variable(each.get("key"), each["value"], source)
    elif each.get("sync") is False or "generateValue" in each:
        gathered.secret(each.get("key"), source)


def _fly(reader: Reader, folder: str, gathered: Gathered) -> None:
    name = join(folder, "fly.toml")
    data = reader.toml(name) if reader.has(name) else {}

    def source(key: str) -> Source:
        return Source(name, reader.line_of(name, rf"^\s*[\"']?{re.escape(key)}[\"']?\s*="))

    file = mapping(data.get("build")).get("dockerfile")
    if isinstance(file, str) and gathered.dockerfile is None:
        gathered.dockerfile = Fact(file, source("dockerfile"))
    gathered.prepare(mapping(data.get("deploy")).get("release_command"), source("release_command"))
    for key, value in mapping(data.get("processes")).items():
        _process(gathered, "web" if key in {"app", "web"} else key, value, source(key))
    for key, value in mapping(data.get("env")).items():
        gathered.variable(key, value, source(key))
    for service in [mapping(data.get("http_service")), *map(mapping, listing(data.get("services")))]:
        port = service.get("internal_port")
        if isinstance(port, int) and gathered.port is None:
            gathered.port = Fact(str(port), source("internal_port"))
        for check in [*listing(service.get("checks")), *listing(service.get("http_checks"))]:
            _health(gathered, mapping(check).get("path"), source("path"))
    if data.get("mounts"):
        gathered.notes.append(f"{name} mounts a volume; on AWS a task's disk ends with the task: use a bucket.")


def _kamal(reader: Reader, folder: str, gathered: Gathered) -> None:
    name = join(folder, "config/deploy.yml")
    data = reader.yaml(name)
    if "image" not in data or "servers" not in data:
        return  # a file of another tool
    servers, proxy, builder = mapping(data["servers"]), mapping(data.get("proxy")), mapping(data.get("builder"))
    for role, given in servers.items():
        source = Source(name, _line(mapping(given), "cmd") or _line(servers, role))
        _process(gathered, role, mapping(given).get("cmd"), source)
    file = word(builder.get("dockerfile")).removeprefix("./")
    if file and gathered.dockerfile is None:
        gathered.dockerfile = Fact(file, Source(name, _line(builder, "dockerfile")))
    port, health = proxy.get("app_port"), mapping(proxy.get("healthcheck"))
    if isinstance(port, int) and gathered.port is None:
        gathered.port = Fact(str(port), Source(name, _line(proxy, "app_port")))
    _health(gathered, health.get("path"), Source(name, _line(health, "path")))
    for env in map(mapping, (data.get("env"), *(mapping(each).get("env") for each in servers.values()))):
        clear = mapping(env.get("clear")) if {"clear", "secret"} & set(env) else env
        for key, value in clear.items():
            if "<%" not in word(value):  # Ruby, for what only the person who deploys knows
                gathered.variable(key, value, Source(name, _line(clear, key)))
        for key in listing(env.get("secret")):
            # After a colon stands what it is called where it is kept.
            gathered.secret(word(key).partition(":")[0], Source(name, _line(env, "secret")))
    accessories = mapping(data.get("accessories"))
    for key, given in accessories.items():
        gathered.backing(word(mapping(given).get("image")), Source(name, _line(accessories, key)))


def _copilot(reader: Reader, gathered: Gathered) -> None:
    for name in reader.files:
        if re.fullmatch(r"copilot/[^/]+/manifest\.ya?ml", name):
            _manifest(name, reader.yaml(name), gathered)


def _manifest(name: str, data: Block, gathered: Gathered) -> None:
    kind, own = word(data.get("type")).lower(), word(data.get("name")) or name.split("/")[1]
    source = Source(name, _line(data, "command", "entrypoint", "type"))
    image, health = mapping(data.get("image")), mapping(data.get("http")).get("healthcheck")
    if "web service" in kind:
        gathered.serve(data.get("command"), source)
        path = mapping(health).get("path", health)
        _health(gathered, path, Source(name, _line(mapping(data.get("http")), "healthcheck")))
        if isinstance(image.get("port"), int) and gathered.port is None:
            gathered.port = Fact(str(image["port"]), Source(name, _line(image, "port")))
    elif "job" in kind:
        when = _copilot_schedule(word(mapping(data.get("on")).get("schedule")))
        gathered.schedule(own, data.get("command"), when, source)
    else:
        gathered.work(own, data.get("command"), source)
    file = mapping(image.get("build")).get("dockerfile", image.get("build"))
    if isinstance(file, str) and gathered.dockerfile is None:
        gathered.dockerfile = Fact(file, Source(name, _line(image, "build")))
    variables, secrets = mapping(data.get("variables")), mapping(data.get("secrets"))
    for key, value in variables.items():
        gathered.variable(key, value, Source(name, _line(variables, key)))
    for key in secrets:
        gathered.secret(key, Source(name, _line(secrets, key)))


def _copilot_schedule(text: str) -> str:
    """`@every 1h30m` as AWS writes it; `none` runs by hand."""
    found = re.fullmatch(r"@every (?:(\d+)h)?(?:(\d+)m)?", text)
    if not found:
        return "" if text == "none" else text
    minutes = int(found[1] or 0) * 60 + int(found[2] or 0)
    return f"rate({minutes} minute{'s' if minutes > 1 else ''})" if minutes else ""


def _compose(reader: Reader, folder: str, gathered: Gathered) -> None:
    for file in _COMPOSE:
        name = join(folder, file)
        services = mapping(reader.yaml(name).get("services"))
        for key, service in services.items():
            if "build" not in mapping(service):
                gathered.backing(word(mapping(service).get("image")), Source(name, _line(services, key)))
            # What is not built here is a database, a cache, a mail catcher.
            if not isinstance(service, Block) or not ("build" in service or "manage.py" in _joined(service)
                                                      or "celery" in _joined(service)):  # fmt: skip
                continue
            source = Source(name, _line(service, "command") or _line(services, key))
            _composed(gathered, key, service, source)
            for variable, value, line in _environment(service):
                gathered.variable(variable, value, Source(name, line), example=True)


def _composed(gathered: Gathered, key: str, service: Block, source: Source) -> None:
    """By its command first: names are anybody's, and what runs once or is no Python's is neither web nor worker."""
    text = _joined(service)
    if shell.is_server((text,)):
        gathered.serve(service.get("command"), source)
    elif re.search(r"celery|worker|beat|rqworker|huey|dramatiq|qcluster", f"{key} {text}"):
        _composed_worker(gathered, key, service, source)
    elif "manage.py" in text:
        if not _ONCE.search(text):
            gathered.work(key, service.get("command"), source)
    elif _SERVES.search(key):
        gathered.serve(service.get("command"), source)


def _composed_worker(gathered: Gathered, key: str, service: Block, source: Source) -> None:
    command = service.get("command")
    text = _joined(service)
    if not text or text.startswith("/"):
        gathered.notes.append(f"{source} runs {key!r} by a script of its image; say its command under workers.")
        return
    if "flower" not in text:
        gathered.work(key, command, source)


def _joined(service: Block) -> str:
    command = service.get("command")
    return " ".join(map(word, command)) if isinstance(command, list) else word(command)


def _environment(service: Block) -> Iterator[tuple[str, object, int]]:
    given = service.get("environment")
    for key, value in mapping(given).items():
        yield key, "" if "${" in word(value) else value, _line(given, key)
    for each in listing(given):
        key, _, value = word(each).partition("=")
        yield key, "" if "${" in value else value, _line(service, "environment")


def _examples(reader: Reader, folder: str, gathered: Gathered) -> None:
    for file in EXAMPLES:
        name = join(folder, file)
        for number, line in reader.lines(name):
            found = re.match(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$", line)
            if found:
                value = re.sub(r"\s+#.*$", "", found[2]).strip("\"'")
                gathered.variable(found[1], "" if "$" in value else value, Source(name, number), example=True)


def _health(gathered: Gathered, path: object, source: Source) -> None:
    if isinstance(path, str) and re.fullmatch(r"/[!-~]{0,200}", path) and gathered.health is None:
        gathered.health = Fact(path, source)


def _blocks(value: object) -> list[Block]:
    return [each for each in listing(value) if isinstance(each, Block)]


def _line(block: Any, *keys: str) -> int:
    lines: dict[str, int] = block.lines if isinstance(block, Block) else {}
    found: Iterable[int] = (lines[key] for key in keys if key in lines)
    return next(iter(found), 0)
