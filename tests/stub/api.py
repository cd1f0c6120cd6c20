# SPDX-License-Identifier: MIT
"""The Service API: one request in, one response out.

`answer` keeps the measured order of checks: redirect of odd slashes, broken Clerk configuration,
OPTIONS, no credential at all, unknown route, unknown method, malformed id (even with a wrong key),
wrong key, rate limit, query or body, existence.
"""
import re
import urllib.parse
import uuid
from typing import Any

import handlers
import pages
from courses import Unmappable, timestamp
from handlers import ApiError
from state import State, to_json
from wire import Headers, Request, Response

CLERK_STATUS = ("x-clerk-auth-status", "signed-out")
CLERK_REASON = ("x-clerk-auth-reason", "dev-browser-missing")
CLERK_BAD_TOKEN = [
    ("x-clerk-auth-message", "Invalid JWT form. A JWT consists of three parts separated by dots. "
                             "(reason=token-invalid, token-carrier=header)"),
    ("x-clerk-auth-reason", "token-invalid"),
]
VARY = ("vary", "rsc, next-router-state-tree, next-router-prefetch, next-router-segment-prefetch")
JSON = ("content-type", "application/json")

MISSING_TOKEN = {"success": False, "error": {
    "code": "UNAUTHORIZED", "message": "Missing authentication token"}}
CLERK_MISMATCH = {"success": False, "error": {
    "code": "AUTH_CONFIGURATION_ERROR",
    "message": "Der Authentifizierungsdienst steht vorubergehend nicht zur Verfugung. "
               "Bitte versuche es spater erneut."}}


def answer(state: State, request: Request) -> Response:
    """Returns the reply to any request outside the control interface."""
    if re.search(r"//|./$", request.path):
        return _redirect_to_clean_path(request)
    if request.path == "/api/health" and request.method in ("GET", "HEAD"):
        return _health(request)
    if not request.path.startswith("/api/service/"):
        return pages.not_found(_proxy_headers(request))
    if state.now.clerk == "mismatch":
        return Response(503, [JSON, ("Vary", "Accept-Encoding")], to_json(CLERK_MISMATCH))
    route, ident = handlers.find_route(state, request.path)
    if route and request.method == "OPTIONS":
        return _preflight(state)
    if not _has_credential(request):
        return Response(401, [JSON, ("Vary", "Accept-Encoding")], to_json(MISSING_TOKEN))
    if state.now.clerk == "test" and _wants_html(request):
        return pages.clerk_handshake(request)
    if re.search(r"%(?![0-9A-Fa-f]{2})", request.path):
        return Response(400, _clerk_headers(request))
    if route is None:
        return pages.not_found(_proxy_headers(request))
    if not route.allows(request.method):
        return Response(405, _proxy_headers(request))
    return _answer_route(state, request, route, ident)


def _answer_route(state: State, request: Request, route: handlers.Route, ident: str) -> Response:
    """From the check of the id on, every answer has the envelope."""
    if route.id_name and not handlers.ID.fullmatch(urllib.parse.unquote(ident)):
        return _error(state, request, ApiError(400, "VALIDATION_ERROR",
                                               f"Invalid {route.id_name} ID format"))
    if not _is_authenticated(state, request):
        return _error(state, request, ApiError(401, "UNAUTHORIZED", "Not authenticated"))
    if not state.limiter.take():
        return _too_many(state, request)
    try:
        if not state.now.database:
            raise Unmappable("the database is down")
        reply = route.handler(state, request, urllib.parse.unquote(ident))
    except ApiError as error:
        return _error(state, request, error, state.limiter.headers())
    except Unmappable:
        return _error(state, request, ApiError(500, "INTERNAL_ERROR", "Interner Serverfehler"))
    if isinstance(reply, Response):
        reply.headers = [*_proxy_headers(request), *_cors_headers(state), *reply.headers,
                         *state.limiter.headers()]
        return reply
    return _envelope(state, request, 200, b'"success":true,' + reply, state.limiter.headers())


def _redirect_to_clean_path(request: Request) -> Response:
    path = re.sub(r"/+", "/", request.path).rstrip("/") or "/"
    location = path + ("?" + request.query if request.query else "")
    headers = [("location", location), ("Refresh", f"0;url={location}")]
    return Response(308, headers, location.encode("latin-1", "replace"))


def _preflight(state: State) -> Response:
    headers = [VARY, *_cors_headers(state), JSON, ("x-request-id", str(uuid.uuid4()))]
    return Response(204, headers)


def _health(request: Request) -> Response:
    ident, now = str(uuid.uuid4()), timestamp()
    body = {"success": True,
            "data": {"status": "ok", "timestamp": now, "environment": "production",
                     "version": "0.1.2"},
            "meta": {"requestId": ident, "timestamp": now, "version": "1.0"}}
    headers = [*_proxy_headers(request), JSON, ("x-request-id", ident)]
    return Response(200, headers, to_json(body))


def _has_credential(request: Request) -> bool:
    """Returns whether the proxy layer lets the request pass; the key itself is not checked."""
    is_bearer = request.header("authorization").lower().startswith("bearer ")
    return bool(request.header("x-api-key") or request.header("cookie") or is_bearer)


def _is_authenticated(state: State, request: Request) -> bool:
    return state.now.service_user and request.header("x-api-key") in state.now.keys


def _wants_html(request: Request) -> bool:
    return ("text/html" in request.header("accept")
            or request.header("sec-fetch-dest") == "document")


def _clerk_headers(request: Request) -> Headers:
    if request.header("authorization").lower().startswith("bearer "):
        return [*CLERK_BAD_TOKEN, CLERK_STATUS]
    return [CLERK_REASON, CLERK_STATUS]


def _proxy_headers(request: Request) -> Headers:
    return [*_clerk_headers(request), ("x-middleware-rewrite", request.target), VARY]


def _cors_headers(state: State) -> Headers:
    headers = [("access-control-allow-headers", "Content-Type, Authorization, X-Request-ID"),
               ("access-control-allow-methods", "GET, POST, PUT, DELETE, OPTIONS")]
    if state.now.cors_origin:
        headers.append(("access-control-allow-origin", state.now.cors_origin))
    return [*headers, ("access-control-max-age", "86400")]


def _envelope(state: State, request: Request, status: int, members: bytes,
              limit_headers: Headers) -> Response:
    ident = str(uuid.uuid4())
    meta = f',"meta":{{"requestId":"{ident}","timestamp":"{timestamp()}","version":"1.0"}}}}'
    headers = [*_proxy_headers(request), *_cors_headers(state), JSON, *limit_headers,
               ("x-request-id", ident)]
    return Response(status, headers, b"{" + members + meta.encode())


def _error(state: State, request: Request, error: ApiError,
           limit_headers: Headers = ()) -> Response:
    return _envelope(state, request, error.status,
                     b'"success":false,"error":' + _error_object(error), limit_headers)


def _too_many(state: State, request: Request) -> Response:
    """The 429 comes from another layer than the other answers: no CORS headers, no meta.version."""
    ident = str(uuid.uuid4())
    body: dict[str, Any] = {
        "success": False,
        "error": {"code": "RATE_LIMITED",
                  "message": "Zu viele Anfragen. Bitte versuche es später erneut."},
        "meta": {"requestId": ident, "timestamp": timestamp()}}
    headers = [*_proxy_headers(request), JSON,
               ("retry-after", str(state.limiter.retry_after_s())),
               *state.limiter.headers(), ("x-request-id", ident)]
    return Response(429, headers, to_json(body))


def _error_object(error: ApiError) -> bytes:
    return to_json({"code": error.code, "message": error.message})
