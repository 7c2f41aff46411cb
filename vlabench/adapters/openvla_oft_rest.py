"""A policy behind OpenVLA-OFT's server (`vla-scripts/deploy.py`): JSON over HTTP, a chunk an answer."""

from __future__ import annotations

from vlabench.adapters.openvla_rest import OpenvlaRest


class OpenvlaOftRest(OpenvlaRest):
    """Asks it once a look; all else is as with OpenVLA's."""

    example = "http://localhost:8777"
