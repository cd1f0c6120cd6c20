#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A stand-in for Hemera's Service API, for tests, benchmarks and demonstrations.

It answers as the recorded server does: same bodies, headers, order of checks, rate limit and connection behaviour. It prints
one line when it is ready:

    $ ./hemera_stub.py --listen 127.0.0.1:0
    listening on http://127.0.0.1:40123

    $ curl -H 'X-API-Key: stub-hemera-test-key-0123456789abcdef' \\
           http://127.0.0.1:40123/api/service/courses?limit=500

Without --courses it shows a dozen hand-written courses around today's date. Where Hemera's behaviour is unknown, the stub
does the simplest thing. It has no materials beyond those that it is given, no compression, no conditional requests, and no
Clerk sessions.

Control interface
-----------------
Under /_stub/ on the same port, without a key, never counted, never hit by a fault.

POST /_stub/reset            back to the state after the start: data, settings, window, log
POST /_stub/requests/clear   forget the requests seen
GET  /_stub/requests         array of {"time" (Unix, s), "connection" (number), "method", "path",
                             "query", "headers" (lower-case names, only those of interest),
                             "status" (null: no reply), "fault" (kind or null)}
POST /_stub/scenario         a JSON object with any of these members; a mistake in it is answered
                             400 {"ok":false,"error":"..."}, success 200 {"ok":true}

  data
    "courses": 500               that many generated courses, ids cgen000000000000000000000 ff.
    "courses": [{...}]           exactly these courses
    "participants": 4            bookings of each generated course (with "courses", default 0)
    "remove": "ID"               remove a course (also an array)
    "add": {"id":"ID", ...}      add or replace a course (also an array): title, slug, level,
                                 startDate, endDate, published, participantCount (default: the
                                 number of bookings), topics (for the materials), participants:
                                 [{bookingId, participationId, userId, name, imageUrl, status,
                                 preparationIntent, desiredResults, lineManagerProfile,
                                 preparationCompletedAt, createdAt, updatedAt, resultOutcome,
                                 resultNotes, resultCompletedAt}]; absent members are filled
                                 in. A date text that has not exactly 24 characters stands for one
                                 the server cannot map: 500.
    "course": {"id":"ID","title":"Neu"}             change members of a course (also an array)
    "participant": {"bookingId":"ID","name":"Neu"}  change a booking (or by participationId); it
                                 moves to the end of its course, as an updated row does
    "replace_list": [...]        rows of the list, verbatim, paged but not sorted; null: off
    "raw_list": {"body":"<html>", "content_type":"text/html", "status":200, "repeat":1}
                                 the whole body of the list, verbatim; "body_base64" for
                                 bytes, "repeat" for huge ones; null: off
    "raw_detail": {"id":"ID", "body":"..."}         same for one course's detail; no "id": all
    "templates": [{"id","courseId","lessonId","markup","version"}]
                                 serve /api/service/templates with these rows; null: HTML 404
    "participations": true       serve /api/service/participations?limit&offset

  behaviour
    "fault": {"path":"/api/service/courses", "kind":"status", "status":503, "count":2}
                                 arm a fault (also an array; null: disarm all). path: prefix of
                                 path and query, or a regular expression beginning with "^".
                                 kind: status html delay slow truncate close reset hang; seconds
                                 (delay, slow, hang); count (default 1, -1: for ever); skip: so
                                 many matching requests pass first; method: only this one; body
                                 and headers {"name":"value"} (status, html). See faults.py.
    "limit": 100, "window": 60   of the rate limiter; null: no limit (1000000); setting the
                                 window restarts it
    "used": 99                   count this many requests in the current window beforehand
    "ties": true                 courses that begin together are in another order in each page of
                                 the list, always the same for the same query, as in Hemera's
                                 database: paging loses rows and repeats others
    "legacy": true               the legacy response shape
    "database": false            every counted route is 500
    "service_user": false        every key is 401
    "clerk": "mismatch"          everything is 503; "test": HTML clients get 307; "live": they
                                 do not
    "cors_origin": "https://app.example"
    "key": "..."                 the accepted key (also an array)
    "idle_timeout": 0.2          seconds; idle connections are closed after 1.2 times that

Examples
--------
    curl -d '{"courses":500,"participants":4,"limit":null}' $STUB/_stub/scenario
    curl -d '{"fault":{"path":"^/api/service/courses/","kind":"reset","skip":3}}' \\
         $STUB/_stub/scenario
    curl -d '{"raw_list":{"body":"{\\"success\\":true,\\"data\\":["}}' $STUB/_stub/scenario
    curl $STUB/_stub/requests
    curl -X POST $STUB/_stub/reset

Python tests use client.py instead of curl.
"""
import argparse
import asyncio
import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import courses
from client import DEFAULT_KEY
from sample import sample_courses
from server import Server
from state import UNLIMITED, Settings, State

KEY_MIN, KEY_MAX = 32, 256


def parse_arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A stand-in for Hemera's Service API.")
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT",
                        help="port 0 is any free port (default: %(default)s)")
    parser.add_argument("--key", action="append", type=_key, metavar="KEY",
                        help=f"accepted key, repeatable (default: {DEFAULT_KEY})")
    parser.add_argument("--courses", type=int, metavar="N",
                        help="N generated courses instead of the hand-written ones")
    parser.add_argument("--participants", type=int, default=0, metavar="M",
                        help="bookings of each generated course (default: 0)")
    parser.add_argument("--limit", type=int, default=100,
                        help="requests per window (default: %(default)s)")
    parser.add_argument("--window", type=float, default=60.0, metavar="SECONDS",
                        help="length of the window (default: 60)")
    parser.add_argument("--no-limit", dest="limit", action="store_const", const=UNLIMITED,
                        help=f"announce a limit of {UNLIMITED}")
    parser.add_argument("--legacy", action="store_true", help="the legacy response shape")
    parser.add_argument("--templates", type=Path, metavar="FILE|DIR",
                        help="serve templates: a JSON array, one .hbs file for all courses, or a "
                             "directory of .hbs files, where one named by a course id is for it")
    parser.add_argument("--participations", action="store_true",
                        help="serve the list of participations")
    parser.add_argument("--idle-timeout", type=float, default=5.0, metavar="SECONDS",
                        help="close idle connections after 1.2 times this (default: 5)")
    parser.add_argument("--log", action="store_true", help="one line per request on stderr")
    return parser.parse_args(given)


def load_templates(path: Path) -> list[dict[str, Any]]:
    """The rows of the optional templates endpoint."""
    if path.suffix == ".json":
        return json.loads(path.read_text(encoding="utf-8"))
    files = sorted(path.glob("*.hbs")) if path.is_dir() else [path]
    return [{"id": f"ctpl{number:021d}",
             "courseId": file.stem if re.fullmatch("c[0-9a-z]{24}", file.stem) else None,
             "lessonId": None,
             "markup": file.read_text(encoding="utf-8"),
             "version": 1}
            for number, file in enumerate(files)]


def settings_from(arguments: argparse.Namespace) -> Settings:
    if arguments.courses is None:
        shown = sample_courses(date.today())
    else:
        shown = courses.generate(arguments.courses, arguments.participants)
    return Settings(
        keys=arguments.key or [DEFAULT_KEY],
        courses=shown,
        limit=arguments.limit,
        window_s=arguments.window,
        idle_timeout_s=arguments.idle_timeout,
        legacy=arguments.legacy,
        templates=load_templates(arguments.templates) if arguments.templates else None,
        participations=arguments.participations,
    )


async def serve(arguments: argparse.Namespace) -> None:
    host, _, port = arguments.listen.rpartition(":")
    server = await Server(State(settings_from(arguments)), arguments.log).start(host, int(port))
    port_in_use = server.sockets[0].getsockname()[1]
    print(f"listening on http://{host}:{port_in_use}", flush=True)
    await server.serve_forever()


def _key(text: str) -> str:
    if not KEY_MIN <= len(text) <= KEY_MAX:
        raise argparse.ArgumentTypeError(f"a key has {KEY_MIN} to {KEY_MAX} characters")
    return text


def main(given: list[str] | None = None) -> None:
    """The arguments default to those of the command line."""
    try:
        asyncio.run(serve(parse_arguments(given)))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
