"""What the pictures of probes show, against what was put in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.probes import blind, probe, trace
from vlabench.errors import OptionError, UnknownName, UnsupportedError
from vlabench.records.probes import Probe
from vlabench.reports import plots
from vlabench.reports.plots import probes
from vlabench.reports.plots.probe_data import changed, moved
from vlabench.reports.plots.probes import short


def walk(policy: str = "hero", fail: int = -1) -> Probe:
    """Two tasks, two episodes of eight looks each, in fog, too, where embeddings lie 1 away; `fail` fails there."""
    rng, traces = np.random.default_rng(3), []
    for task in (0, 1):
        for index in (0, 1):
            twin = rng.normal(size=(8, 5)) + 20.0 * task
            for condition, off in (("clean", 0.0), ("fog", 1.0)):
                asked = rng.uniform(-0.5, 0.5, size=(16, 2)) + 0.3 * off
                traces.append(trace(
                    f"hall/{task}", condition, index, success=condition == "clean" or index != fail,
                    looks=range(0, 16, 2), embedding=twin + [off, 0, 0, 0, 0], twin=twin, asked=asked, executed=asked,
                    mean=np.zeros((8, 2, 2)), twin_mean=np.zeros((8, 2, 2))))
    return probe(traces, policy=policy)


def drawn(kind: str, *found: Probe) -> Any:
    """A figure whose artists are looked into; their types say little."""
    return probes.draw(kind, found).figure


def texts(figure: Any) -> list[str]:
    words = figure.findobj(match=lambda artist: hasattr(artist, "get_text"))
    return [word.get_text().replace("\n", " ") for word in words if word.get_text()]


def test_every_look_is_a_point_in_the_panel_of_its_condition() -> None:
    clean, fog = drawn("tsne", walk(fail=1)).axes
    dots, crosses = [len(c.get_offsets()) for c in fog.collections[1::2]], [
        len(c.get_offsets()) for c in fog.collections[2::2]]
    assert (dots, crosses) == ([8, 8], [8, 8])  # per task; beneath them the clean looks
    assert len(fog.collections[0].get_offsets()) == 32
    assert [len(c.get_offsets()) for c in clean.collections] == [16, 0, 16, 0]
    np.testing.assert_array_equal(np.sort(fog.collections[0].get_offsets(), axis=0),
                                  np.sort(np.concatenate([c.get_offsets() for c in clean.collections]), axis=0))
    for axes in (clean, fog):
        assert [text.get_text() for text in axes.texts] == ["0", "1"]


def test_tasks_that_differ_lie_apart_in_the_plane() -> None:
    """The centres of two tasks 45 apart, with a scatter of 2, are further from each other than from their own looks."""
    clean, _ = drawn("tsne", walk()).axes
    one, two = (np.asarray(clean.collections[i].get_offsets()) for i in (0, 2))
    spread = max(np.linalg.norm(points - points.mean(axis=0), axis=1).mean() for points in (one, two))
    assert np.linalg.norm(one.mean(axis=0) - two.mean(axis=0)) > 2 * spread


def test_the_figures_state_how_they_were_made() -> None:
    found = walk(fail=0)
    said = texts(drawn("tsne", found, walk("other")))
    row = moved(found)[1]
    assert any(text.startswith(f"fog: 2 of 4 succeed distance to twin: {row.ratio:.2f}") for text in said)
    assert any("is relative to the mean distance between clean looks at two tasks" in text for text in said)
    assert any("initialised by PCA, seed 0" in text and "hero 64 of 64 looks, perplexity 21" in text for text in said)
    said = texts(drawn("actions", found))
    assert {"1", "2", "clean", "fog", "distance to clean"} <= set(said)
    assert any("Of at most 4000 steps of a condition" in text for text in said)


def test_few_of_many_looks_are_drawn_and_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "POINTS", 24)
    figure = drawn("tsne", walk())
    assert sum(len(c.get_offsets()) for axes, start in zip(figure.axes, (0, 1), strict=True)
               for c in axes.collections[start:]) == 24
    assert any("hero 24 of 64 looks" in text for text in texts(figure))


def test_histograms_hold_every_step_once() -> None:
    """A line for each condition, whose bars add up to one; fog's actions are 0.3 to the right."""
    figure = drawn("actions", walk())
    for axes in figure.axes[:2]:
        centres = []
        for patch in axes.patches:
            x, y = patch.get_xy()[1:-1:2, 0], patch.get_xy()[1:-1:2, 1]
            heights = np.where(y > 1e-6, y, 0.0)
            assert heights.sum() == pytest.approx(1.0, abs=1e-3)
            centres.append(float((heights * (x + 0.025)).sum()))
        assert centres[1] - centres[0] == pytest.approx(0.3, abs=0.1)


def test_distances_are_drawn_for_each_policy_and_condition() -> None:
    hero, other = walk(), walk("other")
    axes = drawn("actions", hero, other).axes[-1]
    filled = [line for line in axes.get_lines() if line.get_label() in ("hero on plain", "other on plain")]
    for line, found in zip(filled, (hero, other), strict=True):
        assert line.get_ydata().tolist() == [changed(found)[0].asked]
    assert len({(line.get_marker(), line.get_color()) for line in filled}) == 2


@pytest.mark.parametrize("kind", probes.KINDS)
def test_figures_come_as_the_same_svg_twice_and_their_numbers_as_json(kind: str, tmp_path: Path) -> None:
    found = walk()
    first, again = (probes.draw(kind, [found]) for _ in range(2))
    plots.save(first.figure, tmp_path / "one")
    plots.save(again.figure, tmp_path / "two.svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    assert first.write(tmp_path / "one", [found]) == tmp_path / "one.json"
    content = json.loads((tmp_path / "one.json").read_text())
    assert content["probes"][0]["policy_digest"] == found.facts.policy_digest
    assert content["probes"][0]["made_by"] == "vlabench probe" and content["probes"][0]["episodes"] == 8
    rows = moved(found) if kind == "tsne" else changed(found)
    assert [row["condition"] for row in content["rows"]] == [row.condition for row in rows]
    measure = "ratio" if kind == "tsne" else "asked"
    assert content["rows"][-1][measure] == getattr(rows[-1], measure) and content["method"]["distance"]


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(UnknownName, match="unknown kind of plot 'tsn': did you mean 'tsne'"):
        probes.draw("tsn", [walk()])
    with pytest.raises(UnsupportedError, match="policy 'hero' has no embedding"):
        probes.draw("tsne", [probe([blind(), blind(condition="fog")])])
    with pytest.raises(OptionError, match="hero on plain: 4 looks, of which a t-SNE shows nothing: it takes 10"):
        probes.draw("tsne", [probe([trace(), trace(condition="fog")])])
    alike = [trace(task=f"hall/{n}", looks=range(8), embedding=np.ones((8, 2)), twin=np.ones((8, 2)),
                   mean=np.zeros((8, 1, 2)), twin_mean=np.zeros((8, 1, 2))) for n in (0, 1)]
    with pytest.raises(OptionError, match="t-SNE shows nothing"):
        probes.draw("tsne", [probe(alike)])


def test_tasks_go_by_what_tells_them_apart() -> None:
    assert short(["libero_goal/3", "libero_goal/10"]) == ["3", "10"]
    assert short(["libero_goal/3", "libero_10/3"]) == ["goal/3", "10/3"]
    assert short(["hall/0", "garage/0"]) == ["hall/0", "garage/0"] and short(["libero_goal/3"]) == ["3"]
