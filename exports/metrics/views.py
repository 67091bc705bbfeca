"""/metrics, for Prometheus: only if the operator has set a token, and only with that token."""

import math

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from exports.metrics.figures import exposition
from roles.access.policy import public
from roles.audit.origin import client_address
from roles.net.limits import Limit, count_request

ASKED = Limit(120)  # by all who know the token: two servers that ask every second
REFUSED = Limit(20)  # by one address that does not


@public
@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Return the figures; 404 if no token is set, 401 without that token, 429 after too many requests."""
    if not settings.METRICS_TOKEN:
        raise Http404
    is_known = constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {settings.METRICS_TOKEN}")
    limit, who = (ASKED, "known") if is_known else (REFUSED, client_address(request))
    number, seconds = count_request(f"metrics:{who}", limit)
    if number > limit.most:
        return HttpResponse(status=429, headers={"Retry-After": str(max(1, math.ceil(seconds)))})
    if not is_known:
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)
