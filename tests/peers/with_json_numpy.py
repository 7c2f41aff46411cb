"""A server that reads and writes by json-numpy, as OpenVLA's `deploy.py` does; `encoded` is its variant."""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

import json_numpy
import numpy as np

ENCODED = "encoded" in sys.argv


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        request = json_numpy.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if ENCODED:
            request = json_numpy.loads(request["encoded"])
        actions = [np.array([request["image"].mean() / 255, *[0.1] * 5, k / 10]) for k in range(8)]
        reply = json_numpy.dumps(actions if "chunk" in request["instruction"] else actions[0])
        body = (json_numpy.dumps(reply) if ENCODED else reply).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


with HTTPServer(("127.0.0.1", 0), Handler) as server:
    print(server.server_port, flush=True)
    server.serve_forever()
