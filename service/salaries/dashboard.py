"""The dashboard page. It holds no figures: its script asks the API for them, or the exported bundle's data files."""

from __future__ import annotations

from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.csrf import csrf_exempt

from salaries.api.http import refused_method

CHART_SCRIPT = "salaries/vendor/chart.umd.js"
STYLE = "salaries/dashboard.css"
SCRIPTS = ("salaries/texts.js", "salaries/figures.js", "salaries/view.js", "salaries/dashboard.js")


@csrf_exempt
def page(request: HttpRequest) -> HttpResponse:
    """Return the dashboard."""
    refused = refused_method(request)
    if refused is not None:
        return refused
    chart = [staticfiles_storage.url(CHART_SCRIPT)] if has_chart_script() else []
    html = render_page(
        style=staticfiles_storage.url(STYLE),
        scripts=[*chart, *(staticfiles_storage.url(name) for name in SCRIPTS)],
        mode="live",
    )
    return HttpResponse(html, headers={"Cache-Control": "no-cache"})


def render_page(*, style: str, scripts: list[str], mode: str) -> str:
    """Return the page's HTML for the given file addresses; `mode` is `live` or `static`."""
    return render_to_string("salaries/dashboard.html", {"style": style, "scripts": scripts, "mode": mode})


def has_chart_script() -> bool:
    """Tell whether Chart.js was put in place at set-up; without it the page draws its own bars."""
    collected = getattr(staticfiles_storage, "hashed_files", None)
    return CHART_SCRIPT in collected if collected else finders.find(CHART_SCRIPT) is not None
