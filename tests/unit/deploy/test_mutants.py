"""Each safety line of the deploy engine is watched: broken, it makes a unit test fail."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.soak import SAMPLED, WHOLE

from .mutants import OF_DEPLOYS, Mutant
from .mutants_of_stacks import OF_STACKS

ROOT = Path(__file__).parents[3]
MUTANTS = (*OF_STACKS, *OF_DEPLOYS)
# Those that once survived and that everything else relies on; `make soak` breaks all.
CHOSEN = MUTANTS if WHOLE else tuple(each for each in MUTANTS if "lock" in each.breaks)[::4]


def test_each_line_that_is_to_be_broken_is_there_once() -> None:
    texts = {name: (ROOT / "opsctl" / name).read_text(encoding="utf-8") for name in {each.module for each in MUTANTS}}
    assert [each.breaks for each in MUTANTS if texts[each.module].count(each.old) != 1] == []


@pytest.mark.parametrize(
    "mutant", [pytest.param(each, marks=SAMPLED) for each in CHOSEN], ids=lambda each: each.breaks.replace(" ", "-")
)
def test_a_broken_safety_line_is_noticed(mutant: Mutant, tmp_path: Path) -> None:
    # With what is compiled: times are copied as well, and only the module that is broken has another.
    skipped = shutil.ignore_patterns("e2e", "functional", "golden", "service", Path(__file__).name)
    shutil.copytree(ROOT / "opsctl", tmp_path / "opsctl")
    shutil.copytree(ROOT / "tests", tmp_path / "tests", ignore=skipped)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    module = tmp_path / "opsctl" / mutant.module
    text = module.read_text(encoding="utf-8")
    assert text.count(mutant.old) == 1, f"{mutant.module} does not hold once: {mutant.old}"
    module.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:hypothesispytest",
         "tests/unit/deploy"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    # 1: tests ran and some failed. Anything else is a mutant that lives, or that never came to life.
    assert run.returncode == 1, f"survived: {mutant.breaks}\n{run.stdout[-2000:]}{run.stderr[-1000:]}"
    assert "SyntaxError" not in run.stdout
    assert "error during collection" not in run.stdout
