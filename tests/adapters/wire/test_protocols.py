"""Whoever is asked in another protocol than its own is told from one that is meant, before anything is played."""

from __future__ import annotations

import itertools
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest

from tests.adapters.wire import test_base, test_groot, test_rest, test_vla_eval
from tests.adapters.wire.fakes import http_server, openpi, sockets
from vlabench.adapters.wire.arrays import to_json
from vlabench.adapters.wire.base import Served
from vlabench.adapters.wire.line import Limits
from vlabench.errors import ServerError

LIMITS = Limits(answer=0.3, patience=0.1, megabytes=1)
CLIENTS: dict[str, Any] = {"openpi": test_base.policy, "vla_eval": test_vla_eval.policy, "rest": test_rest.policy,
                           "groot": test_groot.policy}


def server(protocol: str) -> AbstractContextManager[str]:
    if protocol == "openpi":
        return sockets(openpi(test_base.still))
    if protocol == "vla_eval":
        return sockets(test_vla_eval.server(test_vla_eval.zeros))
    if protocol == "rest":
        return http_server(lambda body: (200, to_json(np.zeros(3))))
    return test_groot.server(lambda data: [test_groot.chunk(1), {}])


@pytest.mark.parametrize(("spoken", "heard"), [*itertools.product(CLIENTS, CLIENTS)])
def test_a_server_of_another_protocol_is_refused_soon(spoken: str, heard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("sockets", "openpi", "vla_eval", "rest"):
        monkeypatch.setattr(f"vlabench.adapters.wire.{module}.OPENING", 0.3)
    make: Any = CLIENTS[spoken]
    with server(heard) as url:
        address = f"{make('').example.partition('://')[0]}://{url.partition('://')[2]}"
        policy: Served = make(address, limits=LIMITS)
        if spoken == heard:
            assert policy.introduce(("top",), 16, 1).answer is not None
            return
        with pytest.raises(ServerError) as caught:
            policy.introduce(("top",), 16, 1)
    assert address in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize("spoken", CLIENTS)
def test_where_nobody_is_there_is_no_policy_to_be_asked(spoken: str) -> None:
    with http_server(lambda body: (200, b"")) as url:
        pass
    make: Any = CLIENTS[spoken]
    address = f"{make('').example.partition('://')[0]}://{url.partition('://')[2]}"
    with pytest.raises(ServerError, match=f"no policy to be asked at {address}.*\n  fix: start its server"):
        make(address, limits=LIMITS).introduce(("top",), 16, 1)
