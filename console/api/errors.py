"""What Django answers when no view could: problem documents under /api/, pages elsewhere."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views import defaults

from console.api.problems import problem_response


def _is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")


def bad_request(request: HttpRequest, exception: Exception, **kwargs: Any) -> HttpResponse:
    """Answer a request that Django refused to read, such as one for a host that is not ours."""
    if _is_api(request):
        return problem_response(400, "The request could not be read.")
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception, **kwargs: Any) -> HttpResponse:
    """Answer a refusal that was raised outside REST framework."""
    if _is_api(request):
        return problem_response(403, "This is not allowed.")
    return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception, **kwargs: Any) -> HttpResponse:
    """Answer an unknown address."""
    if _is_api(request):
        return problem_response(404, "There is no such address. The API is described at /api/v1/docs/.")
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest, **kwargs: Any) -> HttpResponse:
    """Answer an error that nobody foresaw; the log has it under the request id, the answer has no internals."""
    if _is_api(request):
        return problem_response(500, "Something failed on our side. The request id in the headers finds it in our log.")
    return defaults.server_error(request)
