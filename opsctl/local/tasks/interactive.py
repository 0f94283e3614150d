"""A command of a task definition with the terminal of whoever asked, beside the emulator instead of in it."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from opsctl import private
from opsctl.errors import OpsctlError
from opsctl.local.state import StateDir
from opsctl.local.tasks.container import LABEL, ContainerSettings, Launch, process_environment
from opsctl.local.tasks.images import find_snapshot, start_of


def run(
    state: StateDir,
    definition: Mapping[str, Any],
    words: Sequence[str],
    environment: Mapping[str, str],
    secret: Callable[[str], str],
) -> int:
    """Run `words` as the first container of a task definition would; answers the exit code.

    `environment` comes on top of the definition's; `secret` answers the text of a secret by what ValueFrom says.
    """
    container = definition["containerDefinitions"][0]
    digest = container["image"].partition("@")[2]
    image = find_snapshot(state, digest)
    if image is None:
        raise OpsctlError(
            f"The release's image {digest[:19]} is not on this machine any more.",
            code="image-missing",
            hint="Deploy again; or, where tasks run as containers, run it without -i.",
        )
    given = {each["name"]: each["value"] for each in container.get("environment") or []}
    given |= {each["name"]: secret(each["valueFrom"]) for each in container.get("secrets") or []}
    run_id = secrets.token_hex(32)
    volumes = tuple(each["containerPath"] for each in container.get("mountPoints") or [])
    launch = Launch(
        id=run_id,
        image=container["image"],
        command=words,
        environment={**given, **environment},
        labels={f"{LABEL}task-definition-family": definition["family"], f"{LABEL}container-name": container["name"]},
        settings=ContainerSettings(volumes=volumes),
        address="127.0.0.1",
        directory=state.tasks / run_id[:16],
    )
    start = start_of(image)
    private.make_folder(launch.directory / "tmp")
    try:
        return subprocess.run(
            start.words(words), env=process_environment(launch, state, start, image), cwd=image / start.folder,
            check=False,
        ).returncode  # fmt: skip
    except OSError as error:
        raise OpsctlError(
            f"`{words[0]}` can't be run: {error.strerror}.", hint="Name a program of the image."
        ) from error
    finally:
        shutil.rmtree(launch.directory, ignore_errors=True)
