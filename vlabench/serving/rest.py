"""OpenVLA's and OpenVLA-OFT's protocol, the server's side: JSON over HTTP, `POST /act`; and `GET /health`.

HTTP tells neither clients nor episodes apart, so each look stands alone. OpenVLA's clients get the first action of its
chunk, which is what they execute before they ask again; OFT's get all.
"""

from __future__ import annotations

import contextlib
import http.server
import io
import socket as sockets
import socketserver
import time
from http import HTTPStatus
from typing import Any

import numpy as np

from vlabench.adapters.wire.arrays import Garbled, from_json, to_json
from vlabench.serving.doors import Door, Lobby, at, start, taken
from vlabench.serving.service import MESSAGE, STALLED, Service
from vlabench.util.timely import Timely

_PIECE = 2**16  # bytes that are read at a time
_PAUSE = 0.1  # seconds until a door that is to be closed notices
_GLANCE = 0.02  # seconds for a client that may not come in


class RestDoor(Door):
    """chunks: whether clients take whole chunks, as OFT's."""

    def __init__(self, service: Service, host: str, port: int, chunks: bool = False) -> None:
        lobby = Lobby(service.offer.max_clients)
        handler = type("Handler", (_Handler,), {"service": service, "lobby": lobby, "chunks": chunks})
        family = type("Server", (_Server,), {"address_family": sockets.AF_INET6 if ":" in host else sockets.AF_INET})
        try:
            self._server = family((host, port), handler)
        except (OSError, OverflowError) as error:
            raise taken(host, port, error) from None
        self.url = f"http://{at(host, self._server.server_address[1])}"
        self._thread = start("door", lambda: self._server.serve_forever(_PAUSE))

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    """A thread for each connection."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers one client."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "vlabench", ""
    disable_nagle_algorithm = True
    service: Service
    lobby: Lobby
    chunks: bool

    def setup(self) -> None:
        super().setup()
        self._arriving = Timely(self.connection, self.rfile, 0.0)
        self.rfile = io.BufferedReader(self._arriving)

    def handle_one_request(self) -> None:
        """From the last answer to the end of this one's headers is STALLED at most."""
        self.lobby.enter(self.connection)
        try:
            self._arriving.until = time.monotonic() + STALLED
            super().handle_one_request()
        finally:
            self.lobby.leave(self.connection)

    def do_GET(self) -> None:
        if self.path.partition("?")[0] not in ("/health", "/healthz"):
            self._refuse(HTTPStatus.NOT_FOUND, "POST /act, or GET /health")
        elif self.service.ready():
            self._say(HTTPStatus.OK, {"status": "ok"})
        else:
            self._say(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "starting"})

    def do_POST(self) -> None:
        if not self.service.enter():
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, self.service.full)
            with contextlib.suppress(OSError):  # closed with something unread, the answer would be lost on its way
                self.connection.settimeout(_GLANCE)
                self.connection.recv(_PIECE)
            return
        self.lobby.leave(self.connection)
        try:
            self._post()
        finally:
            self.service.leave()

    def _post(self) -> None:
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "Content-Length is missing")
        elif len(length) > 12 or int(length) > MESSAGE:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {MESSAGE // 2**20} MiB")
        elif (body := self._body(int(length))) is None:
            return
        elif not self.service.welcome(token.strip() if kind.lower() == "bearer" else ""):
            self._refuse(HTTPStatus.UNAUTHORIZED, "the token is missing or wrong")
        elif self.path.partition("?")[0].rstrip("/") != "/act":
            self._refuse(HTTPStatus.NOT_FOUND, "POST /act, or GET /health")
        else:
            self._say(HTTPStatus.OK, self._answer(body))

    def log_message(self, format: str, *args: Any) -> None:
        return None

    def _body(self, length: int) -> bytes | None:
        """The request's, or None for one that does not arrive."""
        self._arriving.until, found = time.monotonic() + STALLED, bytearray()
        while len(found) < length:
            try:
                piece = self.rfile.read1(min(_PIECE, length - len(found)))
            except OSError:
                piece = b""
            if not piece:
                self.close_connection = True
                return None
            found += piece
        return bytes(found)

    def _answer(self, body: bytes) -> Any:
        """Actions, or a text that begins with `error`, as these servers have it."""
        wrapped = False
        try:
            request = from_json(body)
            if isinstance(request, dict) and isinstance(request.get("encoded"), str):
                wrapped, request = True, from_json(request["encoded"])
            if not isinstance(request, dict):
                raise Garbled("a message that is no table")
            with self.service.borrowed() as session:
                chunk = session.chunk(request)
            answer: Any = list(chunk) if self.chunks else np.ascontiguousarray(chunk[0])
        except Exception as error:
            answer = f"error: {self.service.told(error)}"
        return to_json(answer).decode() if wrapped else answer

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self.close_connection = True  # what else it sends may be no request
        self._say(status, {"error": why})

    def _say(self, status: HTTPStatus, answer: Any) -> None:
        body = to_json(answer)
        with contextlib.suppress(OSError):  # it has gone
            self.connection.settimeout(STALLED)
            self.send_response(status)
            if status == HTTPStatus.SERVICE_UNAVAILABLE:
                self.send_header("Retry-After", "1")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)
