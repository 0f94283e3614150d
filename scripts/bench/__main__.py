"""Run the benchmarks named on the command line, or all."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable

from scripts.bench import api, beside_cdk, command_line, dataset, first_deploy, images, release, slow_clients

BENCHMARKS: dict[str, Callable[[], list[str]]] = {
    "start-up": command_line.start_up,
    "synth": command_line.synth,
    "deploy-without-changes": command_line.deploy_without_changes,
    "first-deploy": first_deploy.first_deploy,
    "release": release.release,
    "build": dataset.build,
    "load": dataset.load,
    "cached-answers": api.cached_answers,
    "filtered-answers": api.filtered_answers,
    "overview-answers": api.overview_answers,
    "whole-answers": api.whole_answers,
    "images": images.images,
    "beside-cdk": beside_cdk.beside_cdk,
    "slow-clients": slow_clients.slow_clients,
}


def main(names: list[str]) -> int:
    """Print a block per benchmark; returns the exit code."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"There is no benchmark {unknown[0]}; there are {', '.join(BENCHMARKS)}.", file=sys.stderr)
        return 2
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors, {platform.system()}")
    for name in names or BENCHMARKS:
        print(f"\n{name}")
        for line in BENCHMARKS[name]():
            print(f"  {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
