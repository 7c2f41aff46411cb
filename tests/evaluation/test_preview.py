"""The preview shows what a policy receives: the very pixels, and the parameters as drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.toy.toy import Seeker, Toy
from vlabench import cards
from vlabench.adapters.base import Policy
from vlabench.cards.conditions import named
from vlabench.episode.listening import Bools, Listener
from vlabench.episode.loop import play
from vlabench.errors import OptionError, StoreError, UnknownName
from vlabench.evaluation import preview
from vlabench.types import Decision, EpisodeSpec, Observation

pytestmark = pytest.mark.usefixtures("toy_plugin")


class FirstLook(Listener):
    """Keeps what a policy was given first."""

    seen: Observation | None = None

    def on_look(self, step: int, received: Observation, decision: Decision, running: Bools) -> None:
        self.seen = self.seen or received


def received(policy: Policy, task: int, condition: str, index: int, seed: int, cameras: Sequence[str]) -> Observation:
    simulator, ear = Toy("plain"), FirstLook()
    spec = EpisodeSpec(simulator.tasks("toy_points")[task], condition, index, seed)
    chain = named(cards.load_suite("toy").conditions[condition])
    play(simulator.open(spec.task, 1, cameras), policy, [spec], [chain], replan=3, cameras=cameras, listeners=[ear])
    assert ear.seen is not None
    return ear.seen


def test_a_cell_is_what_a_policy_receives_first(tmp_path: Path) -> None:
    cells = preview.preview("toy", tmp_path / "p.png", assets="plain", tasks=["toy_points/1", "toy_points/2"], index=4,
                            seed=7, cameras=["side", "top"], size=16)
    assert [(cell.task.number, cell.condition) for cell in cells] == [
        (n, c) for n in (1, 2) for c in ("clean", "dark", "jolt")]
    for cell in cells:
        obs = received(Seeker(), cell.task.number, cell.condition, 4, 7, ("top", "side"))
        assert (cell.picture == np.concatenate([obs.images["side"][0], obs.images["top"][0]], axis=1)).all()
    clean, dark, _ = cells[:3]
    by = dark.realised["toy_dark"]["by"]
    assert (dark.picture == (clean.picture * by).astype(np.uint8)).all() and not (dark.picture == clean.picture).all()


def test_the_file_is_a_picture_that_grows_with_rows(tmp_path: Path) -> None:
    from PIL import Image

    sizes = []
    for tasks in (["toy_points/0"], ["toy_points/0", "toy_points/1"]):
        preview.preview("toy", tmp_path / "p.png", assets="plain", tasks=tasks, size=16)
        with Image.open(tmp_path / "p.png") as picture:
            sizes.append(picture.size)
            assert len(picture.convert("L").getcolors() or []) > 20
    assert sizes[0][0] == sizes[1][0] and sizes[0][1] > 230 and sizes[1][1] > sizes[0][1] + 230


def test_without_tasks_the_first_of_each_set(tmp_path: Path) -> None:
    cells = preview.preview("toy", tmp_path / "p.png", assets="plain", conditions=["dark"], size=16)
    assert [(cell.task.key, cell.condition) for cell in cells] == [("toy_points/0", "clean"), ("toy_points/0", "dark")]


def test_of_several_suites_every_condition_once_on_the_first_task(tmp_path: Path) -> None:
    from PIL import Image

    other = tmp_path / "dim.toml"
    other.write_text('title = "Dim"\nsource = "here"\nsimulator = "toy"\ntask_sets = ["toy_points"]\nepisodes = 1\n'
                     'include = ["toy"]\n[conditions]\ndim = [{ perturbation = "toy_dark" }]\n')
    cells = preview.preview(["toy", str(other)], tmp_path / "p.png", assets="plain", size=16)
    assert [(cell.task.key, cell.condition) for cell in cells] == [
        ("toy_points/0", name) for name in ("clean", "dark", "jolt", "dim")]
    alone = preview.preview("toy", tmp_path / "q.png", assets="plain", tasks=["toy_points/0"], size=16)
    assert all((a.picture == b.picture).all() for a, b in zip(cells, alone, strict=False))
    with Image.open(tmp_path / "p.png") as picture:
        assert picture.width > 1280 and len(picture.convert("L").getcolors() or []) > 20
    for asked, shown in ((["dim"], ["clean", "dim"]), (["dark", "di*"], ["clean", "dark", "dim"])):
        found = preview.preview(["toy", str(other)], tmp_path / "p.png", assets="plain", conditions=asked, size=16)
        assert [cell.condition for cell in found] == shown
    with pytest.raises(UnknownName, match="unknown condition 'dimm' in suite 'toy'"):
        preview.preview(["toy", str(other)], tmp_path / "p.png", assets="plain", conditions=["dimm"], size=16)


@pytest.mark.parametrize(("options", "kind", "message"), [
    ({"assets": "plane"}, UnknownName, "asset pack 'plane'"),
    ({"cameras": ["tip"]}, UnknownName, "unknown camera 'tip' in --camera: did you mean 'top'"),
    ({"index": -1}, OptionError, "--index -1"),
    ({"index": 50}, OptionError, "--index 50: .* has the init states 0 … 49"),
    ({"size": 8}, OptionError, "--size 8: must be in 16"), ({"out": "p.pgn"}, OptionError, "did you mean 'png'"),
    ({"out": "no/p.png"}, OptionError, "there is no folder"), ({"conditions": ["drak"]}, UnknownName, "'dark'"),
])
def test_options_out_of_range(options: dict[str, Any], kind: type[Exception], message: str, tmp_path: Path) -> None:
    out = tmp_path / options.pop("out", "p.png")
    with pytest.raises(kind, match=message):
        preview.preview("toy", out, **{"assets": "plain", "size": 16, **options})
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "p.png").mkdir()
    with pytest.raises(StoreError, match="p.png: the picture cannot be written"):
        preview.preview("toy", tmp_path / "p.png", assets="plain", size=16)
