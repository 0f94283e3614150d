"""The endpoints, the dashboard's page, and the error pages."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseNotFound, JsonResponse, QueryDict

from salaries.api import answers
from salaries.api.encoding import json_text
from salaries.api.http import constant, endpoint
from salaries.api.params import Query, one_role, one_summary, several_roles
from salaries.api.schema import openapi_document
from salaries.dashboard import live_page, live_policy


def _no_parameters(_params: QueryDict) -> Query:
    return Query([], {})


summary = endpoint(one_summary, answers.summary_answer)
insights = endpoint(one_role, answers.insights_answer)
comparison = endpoint(several_roles, answers.comparison_answer)
facets = endpoint(_no_parameters, answers.facets_answer)
schema = constant(lambda: json_text(openapi_document()).encode(), lambda: {"Content-Type": "application/json"})
page = constant(
    live_page,
    lambda: {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": live_policy()},
)


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
