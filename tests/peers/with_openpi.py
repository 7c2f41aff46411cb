"""A server that packs and unpacks by openpi's own code, and says how its own code would have padded a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from openpi_client import image_tools, msgpack_numpy
from websockets.sync.server import serve


def handler(socket: Any) -> None:
    packer = msgpack_numpy.Packer()
    socket.send(packer.pack({"peer": "openpi-client", "numpy": np.float32(1.5)}))
    for message in socket:
        seen = msgpack_numpy.unpackb(message)
        assert seen["observation/image"].shape == (224, 224, 3) and seen["observation/state"].shape == (8,)
        wide = np.arange(40 * 80 * 3, dtype=np.uint8).reshape(40, 80, 3)
        padded = image_tools.resize_with_pad(wide, 32, 32)
        actions = np.tile([seen["observation/image"].mean() / 255, *seen["observation/state"][:5], len(seen["prompt"])],
                          (10, 1)) / 10
        socket.send(packer.pack({"actions": actions, "padded": padded, "server_timing": {"infer_ms": np.float64(1)}}))


with serve(handler, "127.0.0.1", 0, compression=None, max_size=None) as server:
    print(server.socket.getsockname()[1], flush=True)
    server.serve_forever()
