# SPDX-License-Identifier: MIT
"""Replies that are not JSON: the page for unknown routes and the redirect of a browser."""
import urllib.parse

from wire import Headers, Request, Response

NOT_FOUND_SIZE = 33_000  # about as large as the real page: far larger than an error page ought to be
_FILLER = "<li>Verhandeln, führen, wirken: unsere Kurse im Überblick.</li>\n"
_NOT_FOUND_HEAD = """<!DOCTYPE html>
<html lang="de">
<head><meta charset="utf-8"/><title>404: Diese Seite gibt es nicht</title></head>
<body>
<h1>404</h1>
<p>Diese Seite gibt es nicht.</p>
<ul>
"""
_NOT_FOUND_TAIL = "</ul>\n</body>\n</html>\n"
CLERK_HOST = "https://clerk.stub.example"


def _not_found_page() -> bytes:
    lines = NOT_FOUND_SIZE // len(_FILLER.encode())
    return (_NOT_FOUND_HEAD + _FILLER * lines + _NOT_FOUND_TAIL).encode()


NOT_FOUND_PAGE = _not_found_page()


def not_found(proxy_headers: Headers) -> Response:
    """An unknown route: HTML no matter what the client accepts, and with a Content-Length."""
    headers = [(name, value + ", Accept-Encoding" if name == "vary" else value)
               for name, value in proxy_headers]
    headers.append(("Cache-Control",
                    "private, no-cache, no-store, max-age=0, must-revalidate"))
    headers.append(("Content-Type", "text/html; charset=utf-8"))
    return Response(404, headers, NOT_FOUND_PAGE, sized=True)


def clerk_handshake(request: Request) -> Response:
    """With a test-mode Clerk key, a client that accepts HTML is taken for a browser and redirected."""
    here = f"http://{request.header('host')}{request.target}"
    location = (f"{CLERK_HOST}/v1/client/handshake"
                f"?redirect_url={urllib.parse.quote(here, safe='')}")
    headers = [("cache-control", "no-store"), ("location", location),
               ("set-cookie", "__clerk_redirect_count=1; SameSite=Lax; HttpOnly; Max-Age=2"),
               ("x-clerk-auth-reason", "dev-browser-missing"),
               ("x-clerk-auth-status", "handshake")]
    return Response(307, headers, location.encode())
