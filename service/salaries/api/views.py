"""The endpoints, the dashboard's page, and the error pages."""

from __future__ import annotations

import hashlib
from contextlib import nullcontext

from config.outage import OUTAGE
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseNotFound, JsonResponse, QueryDict
from django.views.decorators.csrf import csrf_exempt

from salaries.api import answers
from salaries.api.encoding import json_text
from salaries.api.http import activation_tag, constant, endpoint, refused_method, respond
from salaries.api.overview import catalogue_answer, overview_answer
from salaries.api.params import Query, one_overview, one_role, one_summary, several_roles
from salaries.api.schema import openapi_document
from salaries.dashboard import PREVIEW, live_page, live_policy, page_file, page_revision
from salaries.plain import plain_parts
from salaries.selectors.releases import Release, release_to_answer_from


def _no_parameters(_params: QueryDict) -> Query:
    return Query([], {})


summary = endpoint(one_summary, answers.summary_answer)
insights = endpoint(one_role, answers.insights_answer)
comparison = endpoint(several_roles, answers.comparison_answer)
overview = endpoint(one_overview, overview_answer)
catalogue = endpoint(_no_parameters, catalogue_answer, tag=activation_tag)
facets = endpoint(_no_parameters, answers.facets_answer)
schema = constant(lambda: json_text(openapi_document()).encode(), lambda: {"Content-Type": "application/json"})
preview = constant(lambda: page_file(PREVIEW), lambda: {"Content-Type": "image/png"})


@csrf_exempt
def page(request: HttpRequest) -> HttpResponse:
    """Answer the dashboard. It comes also while the database is away, and then shows no figures without a script."""
    refused = refused_method(request)
    if refused is not None:
        return refused
    try:
        release, _ = release_to_answer_from()
        return _page(request, release)
    except DatabaseError:
        return _page(request, None)


def _page(request: HttpRequest, release: Release | None) -> HttpResponse:
    origin = f"{request.scheme}://{request.get_host()}/"
    about = [page_revision(), origin, activation_tag(release) if release else "none"]
    identity = hashlib.sha256(json_text(about).encode()).hexdigest()[:32]
    headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": live_policy()}

    def make() -> bytes:
        with OUTAGE.asked() if release else nullcontext():
            return live_page(origin=origin, plain=plain_parts(release) if release else [])

    return respond(request, identity, make, headers)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    """Answer 400 to what Django itself refuses: as JSON under `/api/`, else as a short text."""
    reason = "The request can't be understood; its Host may be none of this service's names."
    if request.path.startswith("/api/"):
        return JsonResponse({"error": reason}, status=400)
    return HttpResponseBadRequest(f"{reason}\n", content_type="text/plain; charset=utf-8")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    """Answer 404: as JSON under `/api/`, else as a short text."""
    if request.path.startswith("/api/"):
        return JsonResponse({"error": "There is nothing at this path; see /api/schema."}, status=404)
    return HttpResponseNotFound(
        "Not found. The dashboard is at /dashboard/.\n", content_type="text/plain; charset=utf-8"
    )


def server_error(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Answer 500 as JSON; the log has the cause under the request's id."""
    return JsonResponse({"error": "The service failed to answer; its log has the cause."}, status=500)
