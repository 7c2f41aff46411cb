"""The package's `__init__`: what it offers is there, in order, and loaded when it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import vlabench


def test_every_name_is_there_and_they_are_in_order() -> None:
    assert vlabench.__all__ == sorted(set(vlabench.__all__))
    for name in vlabench.__all__:
        assert getattr(vlabench, name) is not None
    assert set(vlabench.__all__) == {*vlabench._HOMES, "__version__"}
    assert set(vlabench.__all__) <= set(dir(vlabench))
    with pytest.raises(AttributeError, match="no attribute 'evalute'"):
        vlabench.evalute  # noqa: B018


def test_a_star_gives_what_is_offered_and_an_import_alone_loads_nothing() -> None:
    code = ("import sys, vlabench\nheavy = {'numpy', 'torch', 'pydantic', 'pandas'} & set(sys.modules)\n"
            "from vlabench import *\n"
            "print(heavy, Policy.__module__, evaluate.__module__, load_suite('libero-joint').name)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["set()", "vlabench.adapters.base", "vlabench.evaluation.run", "libero-joint"]
