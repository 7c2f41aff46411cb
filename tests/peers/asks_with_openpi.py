"""openpi's own client asks the server on a port, once with a token and once without; what it is told, in JSON."""

from __future__ import annotations

import json
import sys

import numpy as np
from openpi_client.websocket_client_policy import WebsocketClientPolicy

client = WebsocketClientPolicy("127.0.0.1", int(sys.argv[1]), api_key="sesame")
look = {"top": np.eye(16, dtype=np.uint8)[:, :, None].repeat(3, 2), "state": np.array([0.25, 0.5]), "prompt": "go"}
found = client.infer(look)["actions"]
try:
    client.infer({"prompt": "go"})
    trouble = ""
except RuntimeError as error:
    trouble = str(error)
print(json.dumps([client.get_server_metadata(), found.tolist(), trouble]))
