"""A client that writes and reads by json-numpy asks the server on a port; what it is told, in JSON."""

from __future__ import annotations

import json
import sys
import urllib.request

import json_numpy
import numpy as np

look = {"top": np.eye(16, dtype=np.uint8)[:, :, None].repeat(3, 2), "state": np.array([0.25, 0.5]), "prompt": "go"}


def asked(body: str) -> object:
    request = urllib.request.Request(f"http://127.0.0.1:{sys.argv[1]}/act", body.encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json_numpy.loads(answer.read())


chunk = asked(json_numpy.dumps(look))
wrapped = json_numpy.loads(asked(json.dumps({"encoded": json_numpy.dumps(look)})))
print(json.dumps([np.array(chunk).tolist(), np.array(wrapped).tolist(), asked("{}")]))
