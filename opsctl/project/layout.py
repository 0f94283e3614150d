"""Where the Django projects of a repository lie, what they are called, and what lies beside them."""

from __future__ import annotations

import ast
import configparser
import re
from pathlib import Path, PurePosixPath

from opsctl.errors import OpsctlError
from opsctl.project.findings import Fact, Frontend, Location, Settings, Source
from opsctl.project.reading import Reader, join, mapping, word
from opsctl.project.requirements import folder_of
from opsctl.project.surroundings import dotted

_TESTS = frozenset({"tests", "test", "testing", "fixtures", "templates", "template", "project_template", "testproject",
                    "test_project", "project_name", "cookiecutter"})  # fmt: skip
_EXAMPLES = frozenset({"example", "examples", "sandbox", "demo", "demos", "docs", "doc", "samples", "sample"})
_SLUG = re.compile(r"[^a-z0-9]+")
_OUTPUT = re.compile(
    r"(?:-o|-d|--output|--out-dir|--outDir|--outdir|--outfile|outDir|path)[\"']?\s*[=: ]\s*[\"']?([\w./-]+)"
)
_BUILDERS = ("webpack.config.js", "webpack.prod.js", "vite.config.js", "vite.config.ts", "vite.config.mjs",
             "rollup.config.js", "gulpfile.js", "tailwind.config.js", "rspack.config.js")  # fmt: skip


class NoProjectError(OpsctlError):
    """There is nothing that opsctl could deploy, or more than one thing."""

    code = "no-project"


def locate(reader: Reader, wanted: str | None) -> Location:
    """The project that is meant. Raises NoProjectError when there is none, or several and none was named."""
    folders = [str(PurePosixPath(name).parent) for name in reader.files if _is_manage(reader, name)]
    folders = ["" if folder == "." else folder for folder in folders]
    if not folders:
        raise _none(reader)
    real = [folder for folder in folders if not _EXAMPLES & set(PurePosixPath(folder).parts)]
    manage = _wanted(wanted, folders) if wanted is not None else _only(real or folders)
    others = tuple(folder for folder in folders if folder != manage)
    path = folder_of(reader, manage)
    if any(_lies_in(other, path) for other in others if other in real):
        path = manage  # manage.py is looked for below `path`, and must be the only one there
    owner, repository = _remote(reader.root)
    client = slug(owner)
    name = slug(PurePosixPath(manage).name) if others and manage else ""
    name = name or slug(repository) or slug(_named(reader, path)) or slug(Path(reader.root).resolve().name)
    return Location(name or "site", client or "team", bool(client), path, manage, others)


def _is_manage(reader: Reader, name: str) -> bool:
    path = PurePosixPath(name)
    if path.name != "manage.py" or _TESTS & set(path.parts[:-1]):
        return False
    content = reader.data(name) or b""
    return b"DJANGO_SETTINGS_MODULE" in content or b"execute_from_command_line" in content


def _wanted(wanted: str, folders: list[str]) -> str:
    """The project called so: by its folder, or by the folder's last part."""
    name = join(*PurePosixPath(wanted.removesuffix("manage.py")).parts)
    near = [each for each in folders if each == name or PurePosixPath(each).name == name]
    if name in folders:
        return name
    if len(near) == 1:
        return near[0]
    raise NoProjectError(
        f"There is no Django project in {wanted!r}.", code="unknown-project", hint=f"Name one of {_shown(folders)}."
    )


def _only(folders: list[str]) -> str:
    if len(folders) == 1:
        return folders[0]
    raise NoProjectError(
        f"This repository holds {len(folders)} Django projects: {_shown(folders)}.",
        code="several-projects",
        hint=f"Say which one with --project, such as --project {folders[0] or '.'}.",
    )


def _none(reader: Reader) -> NoProjectError:
    passed = [note for note in reader.notes if "manage.py" in note]
    if passed:
        return NoProjectError("The only manage.py could not be read.", hint=passed[0])
    ignored = [name for name in reader.files if PurePosixPath(name).name == "manage.py"]
    if ignored:
        return NoProjectError(
            f"The only manage.py is {ignored[0]}, which is a test's or a template's, or not Django's.",
            hint="Run opsctl init in the folder of the project itself.",
        )
    return NoProjectError(
        "There is no Django project here: no manage.py was found in this folder or below it.",
        hint="Run opsctl init in the repository of a Django project, or start one with `django-admin startproject`.",
    )


def _shown(folders: list[str]) -> str:
    return " and ".join(folder or "." for folder in folders[:5]) + (" and more" if len(folders) > 5 else "")


def _lies_in(folder: str, path: str) -> bool:
    return not path or folder == path or folder.startswith(f"{path}/")


def slug(text: str) -> str:
    """A name as opsctl takes it for services and clients; "" when nothing is left of it."""
    found = _SLUG.sub("-", text.lower()).strip("-").lstrip("0123456789-")[:30].strip("-")
    return found if len(found) > 1 else ""


def _named(reader: Reader, path: str) -> str:
    """What pyproject.toml calls the project."""
    name = join(path, "pyproject.toml")
    data = reader.toml(name) if reader.has(name) else {}
    poetry = mapping(mapping(data.get("tool")).get("poetry"))
    return word(mapping(data.get("project")).get("name")) or word(poetry.get("name"))


def repository_of(folder: Path) -> Path | None:
    """The top folder of the repository that a folder lies in; None where it is in none."""
    here = folder.absolute()
    return next((each for each in (here, *here.parents) if (each / ".git").exists()), None)


def _remote(root: Path) -> tuple[str, str]:
    """Owner and name of the repository, as `origin` has them. The address is never kept: it may hold a password."""
    config = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        raw = (root / ".git" / "config").read_bytes()[:100_000]
        config.read_string(raw.decode("utf-8", "replace").replace("\t", ""))
        address = config.get('remote "origin"', "url", fallback="") or ""
    except (OSError, configparser.Error, ValueError):
        return "", ""
    # A folder on this machine says nothing of an owner.
    found = re.fullmatch(r"(?:\w+://[^/]+/|[\w.-]+@[\w.-]+:)(.+?)(?:\.git)?/?", address.strip())
    parts = found[1].split("/") if found and not address.startswith("file:") else []
    return (parts[-2] if len(parts) > 1 else "", parts[-1] if parts else "")


def celery(reader: Reader, manage: str) -> Fact | None:
    """The package that makes Celery's application: what `-A` wants."""
    for name in reader.files:
        if PurePosixPath(name).name not in {"celery.py", "celery_app.py", "__init__.py"} or name.count("/") > 5:
            continue
        if b"Celery" not in (reader.data(name) or b"") or not _makes_celery(reader, name):
            continue
        inside = PurePosixPath(name).relative_to(manage) if name.startswith(f"{manage}/") else PurePosixPath(name)
        parts = inside.parent.parts if inside.stem in {"celery", "__init__"} else inside.with_suffix("").parts
        return Fact(".".join(parts), Source(name, reader.line_of(name, r"\bCelery\("))) if parts else None
    return None


def _makes_celery(reader: Reader, name: str) -> bool:
    tree = reader.python(name)
    return any(
        isinstance(node, ast.Call) and dotted(node.func)[-1:] == ("Celery",)
        for node in (ast.walk(tree) if tree else ())
    )


def asgi(settings: Settings) -> Fact | None:
    """The evidence that the project wants ASGI: Channels, or ASGI_APPLICATION and nothing for WSGI.

    An asgi.py alone is none: startproject writes one for everybody.
    """
    said, apps = settings.assigned.get("ASGI_APPLICATION"), settings.assigned.get("INSTALLED_APPS")
    if said is not None and "WSGI_APPLICATION" not in settings.assigned:
        return Fact("ASGI_APPLICATION", said.source)
    used = {each.partition(".")[0] for each in settings.strings("APPS")} & {"channels", "daphne"}
    if apps is not None and used:
        return Fact(f"{min(used)} in INSTALLED_APPS", apps.source)
    return None


def frontend(reader: Reader, path: str) -> Frontend | None:
    """A build script of package.json that writes static files. A linter's or a single-page application's is none."""
    for name in dict.fromkeys((join(path, "package.json"), "package.json")):
        scripts = mapping(reader.json(name).get("scripts"))
        script = next(
            (key for key in ("build", "build:prod", "build:production", "production", "build:css") if key in scripts),
            "",
        )
        if not script:
            continue
        folder = str(PurePosixPath(name).parent)
        base = "" if folder == "." else folder
        lines = [word(scripts[script]), *(reader.text(join(base, each)) or "" for each in _BUILDERS)]
        written = [found for text in lines for found in _OUTPUT.findall(text)]
        static = next((each for each in written if "static" in each or "assets" in each or "dist" in each), "")
        if not static and not any("static" in text for text in lines):
            continue
        manager = (
            "pnpm"
            if reader.has(join(base, "pnpm-lock.yaml"))
            else "yarn"
            if reader.has(join(base, "yarn.lock"))
            else "npm"
        )
        target = _folder(static)
        return Frontend(Source(name, reader.line_of(name, rf'"{re.escape(script)}"\s*:')), script, target, manager)
    return None


def _folder(written: str) -> str:
    path = PurePosixPath(written.removeprefix("./"))
    if path.suffix:
        path = path.parent
    text = str(path)
    return "" if text.startswith(("/", "..")) or text == "." else text
