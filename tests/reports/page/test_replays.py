"""What is played for a page is what was on record and what a policy saw, or a sentence that says why it is missing."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.toy.toy import Seeker, Toy
from vlabench import cards
from vlabench.cards.conditions import named
from vlabench.episode.listening import Bools, Listener
from vlabench.episode.loop import play
from vlabench.episode.recording import Recording
from vlabench.evaluation import preview
from vlabench.evaluation.pictures import described
from vlabench.records.store import Store
from vlabench.reports import plots
from vlabench.reports.page import replays as module
from vlabench.reports.page.build import Choice, write
from vlabench.reports.page.replays import Scenes, scenes
from vlabench.reports.page.verdicts import standing
from vlabench.types import Decision, EpisodeSpec, Image, Observation

pytestmark = [pytest.mark.usefixtures("toy_plugin"), pytest.mark.slow]
SUITE = "toy"


def made(results: Path, episodes: int = 1, preview: bool = False) -> Scenes:
    data = plots.load([results], suite=SUITE)
    return scenes(data, standing(data, data.sides[0]), episodes, preview, lambda text: None)


class Seen(Listener):
    """All that the policy received."""

    def __init__(self) -> None:
        self.frames: list[Image] = []

    def on_look(self, step: int, received: Observation, decision: Decision, running: Bools) -> None:
        self.frames.append(np.concatenate([received.images[camera][0] for camera in ("top", "side")], axis=1))


def received(spec: EpisodeSpec) -> list[Image]:
    card = cards.load_policy("toy-seeker")
    policy, ear = Seeker(**card.options), Seen()
    play(Toy("plain").open(spec.task, 1, card.cameras), policy, [spec],
         [named(cards.load_suite(SUITE).conditions[spec.condition])], replan=card.replan, cameras=card.cameras,
         listeners=[ear])
    return ear.frames


def change(results: Path, to: Path, **fields: object) -> Path:
    """A copy of the results with fields of all records changed."""
    shutil.copytree(results, to)
    for path in to.glob("*/*/*/*.jsonl"):
        lines = [json.dumps(json.loads(line) | fields) for line in path.read_text().splitlines()]
        path.write_text("\n".join(lines) + "\n")
    return to


def test_a_film_is_what_the_policy_saw_and_a_first_look_what_the_preview_shows(
    toy_results: Path, tmp_path: Path
) -> None:
    found = made(toy_results, episodes=1, preview=True)
    assert found.notes == [] and found.recorded and not found.blind
    ((clean, perturbed),) = found.films
    assert perturbed is not None and clean.spec.condition == "clean" and perturbed.spec.task == clean.spec.task
    for shot in (clean, perturbed):
        frames = received(shot.spec)
        assert (shot.frames[0] == frames[0]).all() and len(shot.frames) == -(-len(frames) // 2)  # every 6th step
        assert (shot.frames[-1] == frames[2 * (len(shot.frames) - 1)]).all()
    assert [shot.spec.condition for shot in found.looks] == ["clean", "dark"]  # a jolt shows in no picture
    cells = preview.preview(SUITE, tmp_path / "p.png", assets="plain", tasks=[clean.spec.task.key], conditions=["dark"],
                            index=clean.spec.index, cameras=["top", "side"], size=16)
    for shot, cell in zip(found.looks, cells, strict=True):
        assert (shot.frames[0] == cell.picture).all() and len(shot.frames) == 1
    assert found.looks[1].said == described(cells[1].realised, 60)
    assert found.instructions["toy_points/2"] == "seek goal 2"


def test_without_recordings_the_policy_plays_again(toy_results: Path, tmp_path: Path) -> None:
    bare = change(toy_results, tmp_path / "bare")
    for path in bare.rglob("*.npz"):
        path.unlink()
    found = made(bare, episodes=2)
    assert found.notes == [] and not found.recorded and len(found.films) == 2 and found.looks == []
    for clean, perturbed in found.films:
        assert perturbed is not None and clean.spec.index == perturbed.spec.index
        assert (perturbed.frames[0] == received(perturbed.spec)[0]).all()


def test_an_episode_that_ends_otherwise_is_not_shown(toy_results: Path, tmp_path: Path) -> None:
    found = made(change(toy_results, tmp_path / "other", state="0" * 16))
    assert found.films == [] and "does not end here as it did when it was recorded (with " in found.notes[0]


def test_another_version_of_the_policy_is_not_shown_but_what_it_would_see_is(
    toy_results: Path, tmp_path: Path
) -> None:
    found = made(change(toy_results, tmp_path / "old", policy_digest="old"), preview=True)
    assert found.films == [] and [shot.spec.condition for shot in found.looks] == ["clean", "dark"]
    assert "the records are of toy-seeker old, and its card is that of" in found.notes[0]


def test_conditions_that_no_suite_has_any_more_are_named(toy_results: Path, tmp_path: Path) -> None:
    old = change(toy_results, tmp_path / "old")
    for path in old.rglob("dark.jsonl"):
        path.with_name("gone.jsonl").write_text(path.read_text().replace('"condition": "dark"', '"condition": "gone"'))
        path.unlink()
    data = plots.load([old])
    found = scenes(data, standing(data, data.sides[0]), 1, True, lambda text: None)
    assert found.notes[0].endswith("no suite has them as they were played: gone.")
    assert found.looks == [] and found.films[0][1] and found.films[0][1].spec.condition == "jolt"


def test_without_clean_episodes_there_are_first_looks_and_a_sentence(toy_results: Path, tmp_path: Path) -> None:
    bare = change(toy_results, tmp_path / "bare")
    for path in bare.rglob("clean.jsonl"):
        path.unlink()
    data = plots.load([bare])
    found = scenes(data, standing(data, data.sides[0]), 2, True, lambda text: None)
    assert [shot.spec.condition for shot in found.looks] == ["clean", "dark"] and found.films == []
    assert found.notes == ["No episodes are shown side by side: none was played clean."]
    size = write([bare], tmp_path / "r.html", Choice())
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert size and found.notes[0] in text and "toy-seeker has no clean episodes to compare with" in text


@pytest.mark.parametrize(("mischief", "sentence"), [
    ({"{}": "observe"}, "ValueError: mischief at observe"),
    ({"{}": "segfault"}, "WorkerDied: the worker was killed"),
    ({"construct": "raise"}, "a worker could not start: RuntimeError: mischief"),
])  # fmt: skip
def test_a_simulator_or_policy_that_breaks_costs_pictures_and_nothing_else(
    mischief: dict[str, str], sentence: str, toy_results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = made(toy_results).films[0][0].spec
    bare = {key.format(f"{shown.task.number}/{shown.index}"): kind for key, kind in mischief.items()}
    monkeypatch.setattr(module, "_player", lambda where, chosen, folder: module._Player(where.card.name,
                                                                                        where.card.actor))
    monkeypatch.setenv("TOY_MISCHIEF", json.dumps(bare))
    found = made(toy_results)
    assert found.films == [] and any(sentence in note for note in found.notes)


def test_a_damaged_recording_is_no_reason_to_show_nothing(toy_results: Path, tmp_path: Path) -> None:
    broken = change(toy_results, tmp_path / "broken")
    for path in broken.rglob("*.npz"):
        path.write_bytes(b"nonsense")
    found = made(broken)
    assert not found.recorded and len(found.films) == 1


def test_a_recording_with_another_look_is_not_used(toy_results: Path, tmp_path: Path) -> None:
    other = change(toy_results, tmp_path / "other")
    for path in other.rglob("*.npz"):
        dataclasses.replace(Recording.load(path), replan=2).save(path)
    assert not made(other).recorded


def test_nothing_asked_for_is_nothing_played(toy_results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WorkerPool", None)
    found = made(toy_results, episodes=0)
    assert (found.films, found.looks, found.notes) == ((), (), ()) and found.instructions
    task = Toy("plain").tasks("toy_points")[1]
    assert Store(toy_results, "toy-seeker", "plain").recording(EpisodeSpec(task, "clean", 0).identity).is_file()


def test_task_sets_that_no_simulator_has(results: Path) -> None:
    data = plots.load([results])
    found = scenes(data, standing(data, data.sides[0]), 2, True, lambda text: None)
    assert found.films == () and found.notes[0].startswith("No pictures: unknown task set 'garage' in ")
