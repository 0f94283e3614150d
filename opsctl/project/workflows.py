"""`opsctl ci init`: GitHub workflows that deploy a project, made from the texts in `github/`.

The same texts make this repository's own deploy.yml, so that what others get is what is used here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from opsctl.config.models import Environment
from opsctl.errors import OpsctlError, UsageError
from opsctl.project.layout import repository_of

_TEXTS = Path(__file__).parent / "github"
_FOLDER = Path(".github") / "workflows"
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(?: [A-Za-z0-9_-]+)*")


class WorkflowError(OpsctlError):
    """Workflows can't be written here."""

    code = "workflow-unwritten"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What the texts leave open. `setup` and `build` are command lines, `opsctl` is how the program is called, `extra`
    stands before the jobs, `after` is the name of the workflow that a deploy follows.
    """

    environments: tuple[str, ...]
    after: str = "ci"
    setup: str = 'python3 -m pip install --quiet "$OPSCTL"'
    opsctl: str = "opsctl"
    build: str = 'opsctl image build --env "$ENVIRONMENT"'
    extra: str = ""
    python: str = "3.13"

    def deploy(self) -> str:
        """deploy.yml: the image is built once for the first environment, and goes from each to the next."""
        stages = "".join(
            self._stage(before, name)
            for before, name in zip((None, *self.environments), self.environments, strict=False)
        )
        return self._filled(
            "deploy.yml",
            stages=stages,
            first=self.environments[0],
            environments=", ".join(self.environments),
            order=", then to ".join(self.environments),
        )

    def check(self) -> str:
        """ci.yml, for a project that has none."""
        return self._filled("ci.yml", first=self.environments[0])

    def _stage(self, before: str | None, name: str) -> str:
        if before is None:
            given = {
                "before": "publish",
                "condition": "needs.publish.outputs.complete",
                "image_tag": "${{ github.event.workflow_run.head_sha }}",
            }
        else:
            given = {
                "before": f"deploy-{before}",
                "condition": f"needs.deploy-{before}.outputs.release",
                # The digest that the one before ran, by the record of its release and not by a tag.
                "image_tag": f"{before}-r${{{{ needs.deploy-{before}.outputs.release }}}}",
            }
            given["needs"] = f"[plan-{name}, deploy-{before}]"
        return self._filled("stage.yml", **{"needs": f"plan-{name}", **given, "environment": name})

    def _filled(self, text: str, **given: str) -> str:
        values = {
            **given,
            "after": self.after if _PLAIN.fullmatch(self.after) else json.dumps(self.after),
            "setup": self.setup,
            "opsctl": self.opsctl,
            "build": self.build,
            "extra": self.extra,
            "python": self.python,
        }
        return re.sub(r"@\{(\w+)\}", lambda found: values[found[1]], (_TEXTS / text).read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Written:
    """What was written, below the repository, and what a person does next."""

    files: tuple[str, ...]
    environments: tuple[str, ...]
    next_steps: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """As `--json` shows it."""
        return {
            "written": list(self.files),
            "environments": list(self.environments),
            "next_steps": list(self.next_steps),
        }


def write(
    root: Path, environments: Mapping[str, Environment], names: Sequence[str], after: str, version: str
) -> Written:
    """Write deploy.yml for the project whose environments.yaml is in `root`, and ci.yml where there is no workflow.

    `names` in the order of promotion; all on AWS that run pushed images, where none is given. Nothing is written over.
    Raises UsageError, and WorkflowError where a file is there or the folder takes none.
    """
    chosen = _chosen(environments, names)
    repository = _repository(root)
    pipeline = Pipeline(chosen, _named(after), extra=_extra(root.relative_to(repository), version))
    folder = repository / _FOLDER
    known = _workflows(folder)
    texts = {"deploy.yml": pipeline.deploy()}
    if after not in known.values():
        if known:
            names_here = ", ".join(sorted(set(known.values())))
            raise UsageError(
                f"No workflow here is called `{after}`, so a deploy would follow none.",
                hint=f"Name the one whose green run is deployed with --after: {names_here}.",
            )
        texts["ci.yml"] = pipeline.check()
    there = [name for name in texts if (folder / name).exists()]
    if there:
        raise WorkflowError(
            f"{(_FOLDER / there[0]).as_posix()} is already here, so nothing was written.",
            hint="Move it away to have it written anew, or change it by hand.",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            with (folder / name).open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise WorkflowError(
            f"{_FOLDER.as_posix()} can't be written: {error.strerror or error}.",
            hint="Check whose the folder is, and whether its disk is full.",
        ) from None
    native = any(environments[name].application.dockerfile is None for name in chosen)
    steps = _next(chosen, native=native, ci="ci.yml" in texts)
    return Written(tuple((_FOLDER / name).as_posix() for name in texts), chosen, steps)


def _chosen(environments: Mapping[str, Environment], names: Sequence[str]) -> tuple[str, ...]:
    chosen = tuple(names) or tuple(
        name for name, env in environments.items() if env.target == "aws" and not env.ecs.build_on_deploy
    )
    if not chosen:
        building = " or ".join(name for name, env in environments.items() if env.target == "aws")
        raise UsageError(
            "No environment on AWS runs images that are pushed beforehand, so there is nothing to promote.",
            hint=f"Leave ecs.build_on_deploy away in what workflows deploy: {building}."
            if building
            else "Add one on AWS to environments.yaml, without ecs.build_on_deploy.",
        )
    if len(set(chosen)) < len(chosen):
        raise UsageError("An environment is named twice.", hint="Name each once, in the order of promotion.")
    for name in chosen:
        env = environments.get(name)
        if env is None:
            raise UsageError(f"There is no environment `{name}`.", hint=f"Choose from {', '.join(environments)}.")
        _refuse(env, environments[chosen[0]])
    return chosen


def _refuse(env: Environment, first: Environment) -> None:
    """What a workflow can't deploy."""
    if env.target != "aws":
        raise UsageError(f"{env.name} runs on this machine, which CI never enters.", hint="Name environments on AWS.")
    if env.application.image is not None:
        raise UsageError(
            f"{env.name} runs an image that others make, so there is none to build.",
            hint="Deploy it by `opsctl deploy` in a workflow of your own.",
        )
    if env.ecs.build_on_deploy:
        raise UsageError(
            f"{env.name} builds its image on a deploy, so none is promoted to it.",
            hint="Leave ecs.build_on_deploy away there, or don't name it.",
        )
    for what, own, other in (
        ("repository", env.ecs.repository_name, first.ecs.repository_name),
        ("account", env.account_id, first.account_id),
        ("region", env.region, first.region),
    ):
        if own != other:
            raise UsageError(
                f"{env.name} has another {what} than {first.name}, whose images and releases it can't read.",
                hint=f"{_SHARED.get(what, '')}Name only environments that share repository, account and region, with "
                "--environments.",
            )


# What brings two environments together where that is a matter of writing.
_SHARED = {"repository": "Let both have one ecs.repository_name, and one of them alone ecs.manage_repository. Or: "}


def _named(after: str) -> str:
    if not after.strip() or not after.isprintable() or "${{" in after:
        raise UsageError("--after is no name of a workflow.", hint="Write what stands behind `name:` in its file.")
    return after


def _repository(root: Path) -> Path:
    """Where git has its top folder, since GitHub reads workflows from there alone; else `root`."""
    return repository_of(root) or root


def _workflows(folder: Path) -> dict[str, str]:
    """The name of each workflow that is there, by file; GitHub takes the path where none is given."""
    found = {}
    for path in sorted((*folder.glob("*.yml"), *folder.glob("*.yaml"))):
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError, OSError):
            content = None
        name = content.get("name") if isinstance(content, dict) else None
        found[path.name] = str(name or (_FOLDER / path.name).as_posix())
    return found


def wheel_name(version: str) -> str:
    """The file that `make wheel` builds."""
    return f"opsctl-{version}-py3-none-any.whl"


def _extra(below: Path, version: str) -> str:
    """By default a file of the repository: under opsctl's name a package index has a program of somebody else, which
    would be given this one's rights.
    """
    wheel = f"{'../' * len(below.parts) or './'}.github/{wheel_name(version)}"
    lines = [f"env:\n  OPSCTL: {wheel} # what pip installs\n"]
    if below.parts:
        lines.append(f"defaults:\n  run:\n    working-directory: {json.dumps(below.as_posix())}\n")
    return "".join(lines)


def _next(chosen: tuple[str, ...], *, native: bool, ci: bool) -> tuple[str, ...]:
    steps = [
        f"opsctl bootstrap --github OWNER/REPO --environments {','.join(chosen)}, and then what it prints.",
        f"opsctl deploy --env {chosen[0]} platform, which makes the repository that images are pushed to.",
        f"On GitHub, let the environment {chosen[-1]} ask reviewers, and all of them take the default branch only. A "
        "private repository asks nobody outside of GitHub Enterprise: there every green commit goes on by itself.",
        "Build opsctl's wheel by `make wheel` in a clone of opsctl, and commit it where OPSCTL says at the top of the "
        "files; a package index has another program of its name.",
    ]
    if native:
        steps.append("opsctl image lock, and commit opsctl.lock: a workflow builds from it, and writes none.")
    return tuple([*steps, "Add the project's tests to ci.yml."] if ci else steps)
