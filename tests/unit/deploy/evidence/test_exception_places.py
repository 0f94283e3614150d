"""Where an exception was raised while a module was loaded, for those whose words don't tell."""

from __future__ import annotations

import pytest

from opsctl.deploy.evidence.causes import exception_of

LOADING = ['  File "shop/urls.py", line 5, in <module>', "    urlpatterns = [path('', views.indx)]"]
CALLED = [*LOADING, '  File "shop/go.py", line 2, in begin', "    go()"]
MODULE = "AttributeError: module 'shop.views' has no attribute 'indx'"


@pytest.mark.parametrize(
    "error", [MODULE, "NameError: name 'indx' is not defined", "TypeError: view must be a callable"]
)
def test_an_error_of_code_that_a_module_runs_is_told_with_its_place(error: str) -> None:
    assert exception_of([*LOADING, error]) == f"{error} (shop/urls.py, line 5)"


@pytest.mark.parametrize("lines", [(*LOADING, "ImportError: no module shop.api"), (*CALLED, MODULE), (MODULE,)])
def test_any_other_is_told_in_its_own_words(lines: tuple[str, ...]) -> None:
    assert exception_of(lines) == lines[-1]
