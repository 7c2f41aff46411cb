"""GR00T's protocol, the server's side: msgpack over ZeroMQ, requests of many clients at once; each look stands alone.

`reset` is answered and does nothing: requests of all episodes that a client has under way come by the same socket.
`kill`, which ends their server, does nothing but an error here.
"""

from __future__ import annotations

import contextlib
import json
import socket as sockets
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from vlabench.adapters.wire.arrays import Garbled, pack, unpack
from vlabench.adapters.wire.groot import Layout
from vlabench.errors import MissingExtra, OptionError
from vlabench.serving.doors import Door, at, start, taken
from vlabench.serving.service import MESSAGE, Service
from vlabench.types import Floats
from vlabench.util.text import short

_ANSWERS = "inproc://answers"


class GrootDoor(Door):
    """layout, actions: of the clients' card."""

    _router: Any
    _answers: Any

    def __init__(self, service: Service, host: str, port: int, layout: Layout = "wrapped",
                 actions: Sequence[str] = ()) -> None:
        if len(actions) != service.offer.reverse.space.size:
            raise OptionError(f"options.actions of the clients has {len(actions)} keys; expected one for each of the "
                              f"{service.offer.reverse.space.size} numbers of an action")
        try:
            import zmq
        except ImportError as error:
            raise MissingExtra(error.name or "zmq", "remote", "serving over ZeroMQ") from error
        self._service, self._layout, self._actions = service, layout, tuple(actions)
        self._context: Any = zmq.Context()
        self._router, self._answers = self._context.socket(zmq.ROUTER), self._context.socket(zmq.PULL)
        for socket in (self._router, self._answers):
            socket.setsockopt(zmq.LINGER, 0)
        for option, value in ((zmq.MAXMSGSIZE, MESSAGE), (zmq.RCVHWM, 4), (zmq.HANDSHAKE_IVL, 10_000),
                              (zmq.TCP_KEEPALIVE, 1), (zmq.IPV6, int(":" in host))):
            self._router.setsockopt(option, value)
        try:
            self._router.bind(f"tcp://{at(host if ':' in host else sockets.gethostbyname(host), port)}")
        except (zmq.ZMQError, OSError) as error:
            self._context.destroy(linger=0)
            raise taken(host, port, error) from None
        bound = self._router.getsockopt(zmq.LAST_ENDPOINT).decode().rpartition(":")[2]
        self.url = f"tcp://{at(host, int(bound))}"
        self._answers.bind(_ANSWERS)
        self._workers = ThreadPoolExecutor(service.offer.max_clients, "client")
        self._thread = start("door", self._serve)

    def close(self) -> None:
        self._send([b""])
        self._thread.join()
        self._workers.shutdown(wait=False, cancel_futures=True)
        self._context.destroy(linger=0)

    def _serve(self) -> None:
        """Takes requests to the workers, and answers back."""
        import zmq

        poller = zmq.Poller()
        poller.register(self._router, zmq.POLLIN)
        poller.register(self._answers, zmq.POLLIN)
        while True:
            ready = dict(poller.poll())
            if self._answers in ready:
                frames = self._answers.recv_multipart()
                if len(frames) == 1:
                    return
                self._router.send_multipart(frames)
            if self._router in ready:
                frames = self._router.recv_multipart()
                if len(frames) != 3 or frames[1]:
                    continue  # none of a REQ socket
                if self._service.enter():
                    self._workers.submit(self._work, *frames)
                else:
                    self._router.send_multipart([*frames[:2], pack({"error": self._service.full}, "groot")])

    def _work(self, who: bytes, gap: bytes, message: bytes) -> None:
        try:
            answer = self._answer(unpack(message, "groot"))
        except Exception as error:
            answer = {"error": self._service.told(error)}
        finally:
            self._service.leave()
        self._send([who, gap, pack(answer, "groot")])

    def _send(self, frames: list[bytes]) -> None:
        import zmq

        with contextlib.suppress(zmq.ZMQError):  # of a door that has been closed
            with self._context.socket(zmq.PUSH) as socket:  # a socket is of one thread
                socket.connect(_ANSWERS)
                socket.send_multipart(frames)

    def _answer(self, request: Any) -> Any:
        endpoint = request.get("endpoint") if isinstance(request, dict) else None
        if not isinstance(endpoint, str):
            raise Garbled("a message that is no request of GR00T's protocol")
        token = request.get("api_token", "")
        if not self._service.welcome(token if isinstance(token, str) else ""):
            return {"error": "Unauthorized: Invalid API token"}
        if endpoint == "ping":
            ready = self._service.ready()
            return {"status": "ok", "message": "Server is running"} if ready else {"error": "the policy is starting"}
        if endpoint == "get_modality_config":
            return self._modalities()
        if endpoint == "reset":
            return {}
        if endpoint != "get_action":
            raise Garbled(f"no endpoint {short(endpoint)!r}: ping, reset, get_modality_config, get_action")
        data = request.get("data")
        seen = data.get("observation", data) if isinstance(data, dict) else None
        if not isinstance(seen, dict):
            raise Garbled("a request without an observation")
        with self._service.borrowed() as session:
            return self._reply(session.chunk(_flat(seen)))

    def _reply(self, chunk: Floats) -> Any:
        found = {key if self._layout != "nested" else key.removeprefix("action."): np.ascontiguousarray(
            chunk[:, [number]] if self._layout == "n1.5" else chunk[None, :, [number]])
            for number, key in enumerate(self._actions)}
        return found if self._layout == "n1.5" else [found, {}]

    def _modalities(self) -> dict[str, Any]:
        reverse = self._service.offer.reverse
        keys = {"video": [reverse.sends.pictures[camera] for camera in reverse.cameras],
                "state": list(reverse.sends.state), "action": list(self._actions),
                "language": [reverse.sends.instruction]}
        if self._layout != "n1.5":
            keys = {kind: [key.removeprefix(f"{kind}.") for key in each] for kind, each in keys.items()}
        configs: dict[str, Any] = {kind: {"delta_indices": [0], "modality_keys": each} for kind, each in keys.items()}
        if self._layout == "n1.5":
            configs = {kind: json.dumps(config) for kind, config in configs.items()}
        return {"metadata": dict(self._service.offer.said),
                **{kind: {"__ModalityConfig_class__": True, "as_json": each} for kind, each in configs.items()}}


def _flat(seen: Mapping[str, Any]) -> dict[str, Any]:
    """`video` → `image` → `video.image`; the keys of `language` as they are."""
    found: dict[str, Any] = {}
    for kind, value in seen.items():
        if isinstance(value, dict):
            found |= {str(name) if kind == "language" else f"{kind}.{name}": each for name, each in value.items()}
        else:
            found[kind] = value
    return found
