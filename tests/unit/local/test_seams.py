"""The table of what opsctl touches of ministack is complete, and a ministack that differs from it is refused."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

import opsctl
from opsctl.local.emulator.seams import HANDLERS, PINNED, TABLE, load
from opsctl.local.settings import LocalTargetError
from tests.unit.local.ministack import Ministack, function

PACKAGE = Path(opsctl.__file__).parent
SEAMS = PACKAGE / "local" / "emulator" / "seams.py"
MODULES = {path.rpartition(".")[2]: path for path in TABLE}
DECLARED = {(path, name) for path, names in TABLE.items() for name in names}
_NOT_MINISTACK = {("os", "_exit")}
_IMPORT = re.compile(r"^\s*(from|import) ministack\b", re.MULTILINE)


def nodes() -> Iterator[ast.AST]:
    """What stands in the sources of the local target, but for the table's own."""
    for path in sorted((PACKAGE / "local").rglob("*.py")):
        if path != SEAMS:
            yield from ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path)))


def chain(node: ast.Attribute) -> tuple[str, ...]:
    """`self._ecs._tasks` as its three names; what is no name counts as an empty one."""
    match node.value:
        case ast.Attribute() as value:
            return (*chain(value), node.attr)
        case ast.Name(id=name):
            return (name, node.attr)
        case _:
            return ("", node.attr)


def touched(node: ast.Attribute) -> tuple[str, str] | None:
    """The module and the name in it that an attribute stands for, as the table writes them; None for others."""
    names = chain(node)
    for index, name in enumerate(names[:-1]):
        if name.removeprefix("_") in MODULES:
            first, *inner = names[index + 1 :]
            if inner and not inner[-1].startswith("_"):
                return None
            return MODULES[name.removeprefix("_")], ".".join((first, *inner))
    return None


ATTRIBUTES = [node for node in nodes() if isinstance(node, ast.Attribute)]
TOUCHED = {found for node in ATTRIBUTES if (found := touched(node))}


def test_every_name_that_is_touched_is_declared() -> None:
    assert not TOUCHED - DECLARED


def test_every_name_that_is_declared_is_touched() -> None:
    assert not DECLARED - TOUCHED


def test_every_name_that_is_replaced_is_declared_as_that() -> None:
    replaced = {found for node in ATTRIBUTES if isinstance(node.ctx, ast.Store) and (found := touched(node))}

    assert replaced == {(path, name) for path, name in DECLARED if TABLE[path][name].use == "replace"}


def test_every_handler_that_is_wrapped_is_declared() -> None:
    keys = [node.slice for node in nodes() if isinstance(node, ast.Subscript)]

    wrapped = {key.value for key in keys if isinstance(key, ast.Constant) and str(key.value).startswith("AWS::")}

    assert wrapped == set(HANDLERS)


def test_no_module_of_ministack_goes_by_another_name() -> None:
    """Private names are our own, or those of modules that this test knows by their names."""
    private = [node for node in ATTRIBUTES if node.attr.startswith("_") and not node.attr.startswith("__")]

    foreign = {chain(node) for node in private if len(chain(node)) > 2 or chain(node)[0] not in ("self", "cls")}

    assert {names for names in foreign if not MODULES.keys() & {each.removeprefix("_") for each in names[:-1]}} == (
        _NOT_MINISTACK
    )


def test_nothing_else_imports_ministack() -> None:
    importing = [path for path in PACKAGE.rglob("*.py") if _IMPORT.search(path.read_text(encoding="utf-8"))]

    assert importing == []


def test_the_table_is_written_for_the_pinned_version() -> None:
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert f"ministack=={PINNED}" in project["optional-dependencies"]["local"]


def refusal(ministack: Ministack) -> str:
    with pytest.raises(LocalTargetError) as caught:
        load(ministack.import_one, lambda _name: "1.6.0")
    assert "pip install 'opsctl[local]'" in caught.value.hint
    return caught.value.message


def test_it_hands_out_the_modules_of_a_ministack_that_is_as_the_table_says() -> None:
    ministack = Ministack()

    assert load(ministack.import_one).ecs is ministack.modules["services.ecs"]


def test_it_names_both_versions_and_everything_that_is_missing() -> None:
    ministack = Ministack()
    del ministack.modules["services.waf"]
    del ministack.modules["services.ecs"]._make_deployment
    del ministack.modules["services.ecs"]._tasks._data
    del ministack.modules["services.cloudformation.provisioners"]._RESOURCE_HANDLERS["AWS::S3::Bucket"]["delete"]

    assert refusal(ministack) == (
        f"The local target extends ministack {PINNED}, and the installed 1.6.0 differs in what it builds on: "
        "services.ecs._make_deployment is missing, services.ecs._tasks._data is missing, services.waf is missing, "
        "AWS::S3::Bucket.delete is missing."
    )


def test_it_takes_the_installed_version_from_its_package() -> None:
    ministack = Ministack()
    del ministack.modules["services.ecr"]._images

    with pytest.raises(LocalTargetError, match=f"and the installed {version('ministack')} differs"):
        load(ministack.import_one)


@pytest.mark.parametrize(
    ("path", "name", "parameters"),
    [
        ("services.alb", "_forward_to_tg", ("arn", "method", "path", "headers", "body", "query_params")),
        ("services.ecs", "_record_service_task_healthy", ("svc_key", "task", "now")),
        ("services.ecs", "_task_ip", ("task", "family")),
        ("services.ecs", "_mark_task_stopped", ("task", "task_arn", "reason", "stop_code")),
        ("core.iam_evaluator", "evaluate_resource_policy", ("doc", "ctx")),
    ],
)
def test_it_refuses_other_parameters(path: str, name: str, parameters: tuple[str, ...]) -> None:
    ministack = Ministack()
    setattr(ministack.modules[path], name, function(*parameters))

    assert refusal(ministack).endswith(f" builds on: {path}.{name} takes other parameters.")


def test_it_refuses_a_value_where_a_function_was() -> None:
    ministack = Ministack()
    ministack.modules["services.ecs"]._task_ip = {}

    assert "services.ecs._task_ip takes other parameters" in refusal(ministack)


def test_a_parameter_more_with_a_default_is_no_difference_in_what_is_called() -> None:
    ministack = Ministack()

    def task_ip(task: object, family: str = "ipv4", **_options: object) -> None:
        raise AssertionError(task, family)

    ministack.modules["services.ecs"]._task_ip = task_ip

    load(ministack.import_one)


def test_a_package_that_ministack_misses_is_not_taken_for_a_difference() -> None:
    def import_one(_name: str) -> object:
        raise ModuleNotFoundError("No module named 'yaml'", name="yaml")

    with pytest.raises(ModuleNotFoundError, match="yaml"):
        load(import_one)
