"""openpi's and vla-eval's protocol, the server's side: msgpack over WebSockets, a thread for each client.

With openpi each look stands alone: its protocol has no episodes. With vla-eval `episode_start` begins one, and each
observation is answered with the next action.
"""

from __future__ import annotations

import contextlib
import logging
import socket as sockets
import time
from abc import abstractmethod
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from vlabench import __version__
from vlabench.adapters.wire.arrays import Garbled, pack, unpack
from vlabench.adapters.wire.vla_eval import FRAME, VERSION
from vlabench.errors import MissingExtra
from vlabench.serving.doors import Door, Lobby, at, start, taken
from vlabench.serving.service import IDLE, MESSAGE, Service, Session, error_text

HEALTH = ("/healthz", "/health")
TRY_LATER, NO_MESSAGE, BROKEN = 1013, 1007, 1011
"""Of RFC 6455: there are too many clients; what has come is no message; the server met an error."""
REASON = 120
"""Bytes of what is said on closing, at most."""
_QUIET = logging.getLogger("vlabench.serving")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False  # strangers that speak something else are no news


class SocketDoor(Door):
    """For one of the two protocols."""

    def __init__(self, service: Service, host: str, port: int) -> None:
        try:
            from websockets.exceptions import WebSocketException
            from websockets.sync.server import serve
        except ImportError as error:
            raise MissingExtra(error.name or "websockets", "remote", "serving over WebSockets") from error
        self._service, self._over = service, (WebSocketException, OSError, EOFError)
        try:  # no pings: a client that computes for a minute has not gone; TCP tells who has
            self._server: Any = serve(self._met, host, port, compression=None, max_size=MESSAGE, max_queue=1,
                                      ping_interval=None, process_request=self._let_in, logger=_QUIET)
        except OSError as error:
            raise taken(host, port, error) from None
        self.url = f"ws://{at(host, self._server.socket.getsockname()[1])}"
        self._clients: set[Any] = set()
        self._lobby, self._handle = Lobby(service.offer.max_clients), self._server.handler
        self._server.handler = self._seated
        self._thread = start("door", self._server.serve_forever)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        for client in list(self._clients):
            with contextlib.suppress(*self._over):
                client.socket.shutdown(sockets.SHUT_RDWR)

    @abstractmethod
    def talk(self, socket: Any, session: Session) -> None:
        """Answer a client until it goes."""

    def shown(self, headers: Any) -> str:
        """The token in a request's headers."""
        kind, _, token = str(headers.get("Authorization", "")).partition(" ")
        return token.strip() if kind.lower() in ("api-key", "bearer") else ""

    def messages(self, socket: Any) -> Iterator[bytes | str]:
        """What a client sends; ends when it has gone, or is silent for IDLE."""
        with contextlib.suppress(TimeoutError, *self._over):
            while True:
                yield socket.recv(timeout=IDLE)

    def _seated(self, line: Any, address: Any) -> None:
        """A connection, from its first byte on."""
        self._lobby.enter(line)
        try:
            self._handle(line, address)
        finally:
            self._lobby.leave(line)

    def _let_in(self, socket: Any, request: Any) -> Any:
        if request.path.partition("?")[0] in HEALTH:
            ready = self._service.ready()
            answer = socket.respond(HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE,
                                    f'{{"status": "{"ok" if ready else "starting"}"}}\n')
            del answer.headers["Content-Type"]
            answer.headers["Content-Type"] = "application/json"
            return answer
        if not self._service.welcome(self.shown(request.headers)):
            return socket.respond(HTTPStatus.UNAUTHORIZED, "the token is missing or wrong\n")
        return None

    def _met(self, socket: Any) -> None:
        if not self._service.enter():
            socket.close(TRY_LATER, self._service.full)
            return
        self._lobby.leave(socket.socket)
        session = self._service.session()
        self._clients.add(socket)
        try:
            socket.socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_KEEPALIVE, 1)
            with contextlib.suppress(*self._over):
                self.talk(socket, session)
        finally:
            self._clients.discard(socket)
            session.close()
            self._service.leave()


class OpenpiDoor(SocketDoor):
    """Metadata first; then a chunk for each observation. An error is told as text, and ends the connection."""

    def talk(self, socket: Any, session: Session) -> None:
        socket.send(pack(dict(self._service.offer.said), "openpi"))
        for message in self.messages(socket):
            began = time.perf_counter()
            try:
                request = None if isinstance(message, str) else unpack(message, "openpi")
                if not isinstance(request, dict):
                    raise Garbled("a message that is no observation of openpi's protocol")
                actions = session.chunk(request)
            except Exception as error:
                socket.send(self._service.told(error))
                socket.close(BROKEN, "an error")
                return
            took = {"infer_ms": 1000 * (time.perf_counter() - began)}
            socket.send(pack({"actions": actions, "server_timing": took}, "openpi"))


class VlaEvalDoor(SocketDoor):
    """Hello for hello; then an action for each observation. An error is told, and what is no frame ends it all."""

    def talk(self, socket: Any, session: Session) -> None:
        for message in self.messages(socket):
            try:
                found = None if isinstance(message, str) else unpack(message, "vla_eval")
                if not isinstance(found, dict) or set(FRAME) - set(found) or not isinstance(found["payload"], dict):
                    raise Garbled("a message that is not of vla-eval's protocol")
            except Garbled as error:
                socket.close(NO_MESSAGE, error_text(error).encode()[:REASON].decode(errors="ignore"))
                return
            kind, seq = found["type"], found["seq"]
            if kind == "hello":
                self._send(socket, "hello", self._hello(), seq)
            elif kind in ("episode_start", "episode_end"):
                session.begin()
            elif kind == "observation":
                try:
                    images = found["payload"].get("images")
                    actions = session.action({**found["payload"], **(images if isinstance(images, dict) else {})})
                    self._send(socket, "action", {"actions": actions}, seq)
                except self._over:
                    raise
                except Exception as error:
                    self._send(socket, "error", {"error": f"observation_failed: {self._service.told(error)}"}, seq)
            elif kind != "error":
                socket.close(NO_MESSAGE, "an unknown type of message")
                return

    def _hello(self) -> dict[str, Any]:
        sends = self._service.offer.reverse.sends
        wanted = {"send_wrist_image": len(self._service.offer.reverse.cameras) > 1, "send_state": bool(sends.state),
                  "quat_no_antipodal": any("axis_angle" in parts for parts in sends.state.values())}
        return {"harness_version": f"vlabench {__version__}", "protocol_version": VERSION,
                "model_server": self._service.offer.said["policy"], "capabilities": {},
                "metadata": dict(self._service.offer.said),
                "observation_params": {key: True for key, value in wanted.items() if value}}

    @staticmethod
    def _send(socket: Any, kind: str, payload: dict[str, Any], seq: Any) -> None:
        socket.send(pack(dict(zip(FRAME, (kind, payload, seq, time.time()), strict=True)), "vla_eval"))
