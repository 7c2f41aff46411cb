"""Collecting demonstrations on real physics: labels, noise, resuming, and what does not fit together."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from vlabench.cards import find
from vlabench.errors import DataError, OptionError, UnknownName
from vlabench.seeding import stream
from vlabench.simulators.libero.scene import LiberoScene
from vlabench.simulators.libero.simulator import Libero
from vlabench.training.demos import collect as collecting
from vlabench.training.demos import layout
from vlabench.training.demos.collect import Recipe, collect
from vlabench.training.demos.layout import file_name
from vlabench.types import EpisodeSpec
from vlabench.util.files import held

pytestmark = pytest.mark.slow
TASK = find.find_tasks("libero", patterns=["libero_goal/7"])[0]
RECIPE = Recipe(image_size=64, noise=0.1)


def contents(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.__setitem__(name, item[:]) if isinstance(item, h5py.Dataset) else None)
    return found


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two demonstrations by two workers, then a third one by one worker."""
    out = tmp_path_factory.mktemp("demos")
    assert collect([TASK], 2, out, RECIPE, workers=2).demos == 2
    done = collect([TASK], 3, out, RECIPE, workers=1)
    assert (done.demos, done.tries, done.short) == (3, 1, {}) and not (out / ".parts/libero_goal" / TASK.name).exists()
    return out


def test_a_demonstration_is_physics_that_can_be_played_again(shelf: Path) -> None:
    """In a scene of its own: the start is the sampled one, executed actions lead through the stored states, the labels
    are the expert's, pictures and proprioception are the scene's."""
    scene = Libero("primitive").open(TASK, 1, ["agentview", "wrist"], 64, privileged=True)
    assert isinstance(scene, LiberoScene)
    with h5py.File(shelf / "libero_goal" / file_name(TASK)) as file:
        group = file["data/demo_2"]
        index = int(group.attrs["index"])
        scene.reset([EpisodeSpec(TASK, "clean", index, 0, sampled=True)])
        for t in range(len(group["actions"])):
            assert np.array_equal(scene.sim.get_state().flatten(), group["states"][t])
            label = scene._world.expert_action()
            assert np.allclose(label, group["actions"][t], atol=1e-4)
            if t % 20 == 0:
                seen = scene.observe()
                picture = np.rot90(group["obs/eye_in_hand_rgb"][t], 2).astype(int)
                assert np.abs(picture - seen.images["wrist"][0]).mean() < 0.1
                assert np.allclose(seen.proprio[0, :3], group["obs/ee_pos"][t], atol=1e-5)
                points = group["vlabench/points"][t].reshape(3, 3)
                hinge = scene._world.joint("flat_stove_1_button")[1].pos
                assert np.allclose(points[0] + scene._world.hand.pos, hinge, atol=1e-4)
            noise = group["vlabench/executed"][t] - label
            assert abs(noise[6]) < 1e-6 and np.abs(noise[:6]).max() < 0.6
            outcome = scene.step(group["vlabench/executed"][t][None])
        assert outcome.success[0] and group["dones"][-1] == 1
    scene.close()


def test_where_a_point_is_in_the_picture(shelf: Path) -> None:
    """The black knob of the stove: pixels around the place named for it are darker than the table beside it."""
    with h5py.File(shelf / "libero_goal" / file_name(TASK)) as file:
        group = file["data/demo_0"]
        picture = np.rot90(group["obs/agentview_rgb"][0], 2).astype(float).mean(-1)
        column, row = ((group["vlabench/pixels"][0, 0, 0] + 1) * 32).astype(int)
        assert picture[row - 1 : row + 2, column - 1 : column + 2].min() < 60 < picture[row, column - 10]


def test_a_folder_of_an_earlier_protocol_is_not_gone_on_with(tmp_path: Path) -> None:
    recipe = {**asdict(RECIPE), "assets": "primitive"}
    del recipe["horizon"]  # which was 1.2 then
    (tmp_path / "manifest.json").write_text(json.dumps({"layout": layout.VERSION, "recipe": recipe}))
    with pytest.raises(DataError, match="made otherwise: protocol 1 of the simulator, now 2\n"):
        collect([TASK], 1, tmp_path, RECIPE)
    with pytest.raises(DataError, match="made otherwise: horizon 1.2, now 0.6; protocol 1"):
        collect([TASK], 1, tmp_path, replace(RECIPE, horizon=0.6))


def test_a_folder_holds_one_recipe(shelf: Path) -> None:
    with pytest.raises(DataError, match="made otherwise: noise 0.1, now 0.2"):
        collect([TASK], 3, shelf, Recipe(image_size=64, noise=0.2))
    with held(shelf), pytest.raises(DataError, match="is at work here"):
        collect([TASK], 3, shelf, RECIPE)
    with pytest.raises(OptionError, match="--per-task 0"):
        collect([TASK], 0, shelf, RECIPE)
    with pytest.raises(UnknownName, match="unknown policy 'nobody'"):
        collecting.with_learner(RECIPE, "nobody", 0.5)
    assert stream(EpisodeSpec(TASK, "clean", 0, 0, True), "start").key[-1] == "sampled/start"


@pytest.mark.long
def test_ctrl_c_keeps_what_is_there_and_the_same_command_goes_on_to_the_same_demonstrations(
        shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put, calls = collecting._Shelf.put, []

    def interrupted(self: Any, *arguments: Any) -> None:
        put(self, *arguments)
        calls.append(arguments)
        if len(calls) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(collecting._Shelf, "put", interrupted)
    first = collect([TASK], 3, tmp_path, RECIPE, workers=1)
    assert first.interrupted and len(list((tmp_path / ".parts").rglob("*.hdf5"))) == 1
    second = collect([TASK], 3, tmp_path, RECIPE, workers=1)
    assert (second.demos, second.tries, second.interrupted) == (3, 2, False)
    one, other = (contents(folder / "libero_goal" / file_name(TASK)) for folder in (shelf, tmp_path))
    assert one.keys() == other.keys()
    assert all(np.array_equal(array, other[name]) for name, array in one.items())


@pytest.mark.parametrize("text", ["[1]", '{"recipe": [1], "layout": 1}', "{"])
def test_a_manifest_of_another_kind_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(DataError, match="manifest.json: cannot be read"):
        collect([TASK], 1, tmp_path, RECIPE, workers=1)
