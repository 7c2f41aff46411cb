"""Copies of MuJoCo's state: whole, apart from what they were made of, and the same by either way of making them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vlabench.simulators.libero import gl, mjdata

BOXES = """<mujoco><worldbody><geom type="plane" size="1 1 .1"/>
<body pos="0 0 .1"><freejoint/><geom type="box" size=".1 .1 .1"/></body>
<body pos=".05 0 .33" euler="0 20 0"><freejoint/><geom type="box" size=".1 .1 .1"/></body></worldbody></mujoco>"""


@pytest.fixture(params=[mjdata.copier, mjdata.in_c], ids=["chosen", "in C"])
def copy(request: pytest.FixtureRequest) -> mjdata.Copier:
    pytest.importorskip("mujoco", reason="needs the extra `libero`")
    gl.activate()
    made: mjdata.Copier = request.param()
    return made


NAMES = ("qpos", "qvel", "qacc", "qacc_warmstart", "xpos", "xquat", "geom_xpos", "qM", "qfrc_bias", "qfrc_constraint",
         "efc_force", "efc_pos", "efc_aref")  # some of the others are memory that nothing has been written to


def arrays(data: Any) -> dict[str, Any]:
    """State, what is derived from it, constraint forces and contacts."""
    contacts = {f"contact.{name}": getattr(data.contact, name) for name in ("dist", "pos", "frame", "geom1", "geom2")}
    return {name: getattr(data, name) for name in NAMES} | contacts


def test_a_copy_is_whole_and_lives_its_own_life(copy: mjdata.Copier) -> None:
    import mujoco

    model = mujoco.MjModel.from_xml_string(BOXES)
    source, target = mujoco.MjData(model), mujoco.MjData(model)
    position = target.qpos  # robosuite and the scene hold such views, so the target's memory has to stay where it is
    for _ in range(100):
        mujoco.mj_step(model, source)
    copy(target, model, source)
    expected = {name: value.copy() for name, value in arrays(source).items()}
    assert source.ncon > 4
    for name, value in arrays(target).items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)
    assert (target.time, target.ncon, target.nefc) == (source.time, source.ncon, source.nefc)
    np.testing.assert_array_equal(position, source.qpos)

    for _ in range(50):
        mujoco.mj_step(model, target)
    assert not np.array_equal(target.qpos, source.qpos)
    np.testing.assert_array_equal(source.qpos, expected["qpos"])
    for _ in range(50):
        mujoco.mj_step(model, source)
    expected = arrays(source)
    for name, value in arrays(target).items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)
