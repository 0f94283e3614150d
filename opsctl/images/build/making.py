"""Which of the ways to an image is taken: an image that is there, no engine at all, or a container engine."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from opsctl.errors import UsageError
from opsctl.images.build.containers import ContainerRunner, find_runner
from opsctl.images.build.contract import COMPATIBLE, Engine
from opsctl.images.build.engines import EngineBuilder, find_command
from opsctl.images.build.native import NativeBuilder
from opsctl.images.build.overlay import own_layer_on, with_own_layer
from opsctl.images.build.service_tests import ServiceTests
from opsctl.images.checkout.project import Project
from opsctl.images.listener import Listener
from opsctl.images.names import ImageName
from opsctl.images.oci.base import host_platform
from opsctl.images.oci.store import Descriptor, ImageStore
from opsctl.images.python.lock import read_lock
from opsctl.images.registry.repository import Opener


@dataclass(frozen=True)
class Making:
    """Makes images of `project` in `store`. `frozen`: the lock is taken as it is."""

    project: Project
    store: ImageStore
    engine: Engine
    listener: Listener
    _: KW_ONLY
    frozen: bool

    def make(self, platforms: tuple[str, ...], base: ImageName | None, opener: Opener) -> Descriptor:
        """Build for these platforms on `base`, which is None only where a Dockerfile says it.

        Raises UsageError where the engine can't do that.
        """
        application = self.project.application
        if application.image is not None:
            assert base is not None
            return with_own_layer(self.store, self.project, base, platforms, opener, self.listener)
        if self.engine == "native":
            if application.dockerfile is not None:
                raise UsageError(
                    f"{application.dockerfile} is built by a container engine.",
                    hint=f"Use --engine with one of {', '.join(COMPATIBLE)}.",
                )
            assert base is not None
            locked = read_lock(self.project, frozen=self.frozen, tell=self.listener.line)
            cache = self.project.cache
            return NativeBuilder(self.project, locked, self.store, cache, base, opener, self.listener).build(platforms)
        if len(platforms) != 1:
            raise UsageError(
                f"{self.engine} builds for one platform at a time.", hint="Use --engine native for several platforms."
            )
        command = find_command(self.engine)
        made = EngineBuilder(self.project, self.store, command, base, self.listener).build(platforms[0])
        return own_layer_on(self.store, made)

    def service_tests(self, platforms: tuple[str, ...]) -> ServiceTests:
        """What runs the service's tests inside the image. Raises UsageError where it does not run on this machine."""
        if host_platform() not in platforms:
            raise UsageError(
                f"--test runs the image, and {', '.join(platforms)} does not run on this machine.",
                hint=f"Build for {host_platform()} as well, or without --test.",
            )
        runner = ContainerRunner(self.store, find_runner(self.engine), self.listener)
        return ServiceTests(self.project.root, self.store, self.project.cache, runner)
