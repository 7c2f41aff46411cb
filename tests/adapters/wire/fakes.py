"""Servers of a few lines, each in a thread, that speak as the real ones do or as none should."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from vlabench.adapters.wire.arrays import pack, unpack

Answer = Callable[[Any], Any]


@contextlib.contextmanager
def sockets(handler: Callable[[Any], None], port: int = 0) -> Iterator[str]:
    """A WebSocket server; its address."""
    from websockets.sync.server import serve

    callers: list[Any] = []

    def kept(socket: Any) -> None:
        callers.append(socket)
        handler(socket)

    with serve(kept, "127.0.0.1", port, compression=None, max_size=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            for caller in callers:  # before websockets 17 they would be served on
                caller.close()
            thread.join()


def openpi(answer: Answer, metadata: Any = None) -> Callable[[Any], None]:
    """Speaks openpi's protocol. answer: from an observation to a reply; text and bytes are sent as they are."""
    def handler(socket: Any) -> None:
        socket.send(pack(metadata or {}, "openpi"))
        for message in socket:
            reply = answer(unpack(message, "openpi"))
            socket.send(reply if isinstance(reply, (str, bytes)) else pack(reply, "openpi"))
    return handler


def seeking(observation: Any) -> dict[str, Any]:
    """What the toy's seeker would do: four steps towards the greenest spot of the first picture."""
    picture, state = observation["top"], observation["state"]
    row, column = np.unravel_index(int(picture[:, :, 1].argmax()), picture.shape[:2])
    away = (np.array([column, row]) + 0.5) / len(picture) - state
    return {"actions": np.tile([*np.clip(away / 0.4, -1, 1), 0.0], (4, 1))}


@contextlib.contextmanager
def http_server(answer: Callable[[bytes], tuple[int, bytes]]) -> Iterator[str]:
    """An HTTP server; its address. answer: from a request's body to a status and a reply's body."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            return None

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
