"""What figures show, against figures counted by hand, and what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.factories import episodes, record, write_records
from tests.reports.plots.conftest import played
from tests.reports.plots.test_scale import cloned
from tests.reports.tables.conftest import agresti_coull, p_of
from vlabench import cards
from vlabench.errors import OptionError, StoreError, UnknownName
from vlabench.reports import plots
from vlabench.reports.plots import kinds
from vlabench.reports.plots.style import LOOKS, look
from vlabench.reports.plots.times import STEPS


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two policies, two tasks with four episodes; `still` has played one condition less and not in the garage."""
    records = []
    for policy, clean, hard in (("hero", "ssss", ["sssf", "ssff", "sfff", "ffff", "ffff"]),
                                ("still", "ssff", ["ffff"] * 5)):  # fmt: skip
        for task in ("kitchen/0", "kitchen/1"):
            records += episodes(task, "clean", clean, policy=policy, steps=50)
            records += episodes(task, "jpeg-s1", "ssss", policy=policy, steps=80)
            for k, letters in enumerate(hard, 1):
                records += episodes(task, f"shift-s{k}", letters, policy=policy, steps=10 * k)
    records += episodes("garage/0", "clean", "sf", policy="hero", steps=20)
    records += episodes("kitchen/0", "far", "ssss", policy="hero", steps=90)
    return write_records(tmp_path_factory.mktemp("plots"), records)


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three policies that a training kept, and two that are no training's."""
    letters = {"ript-4": "sfff", "ript-12": "sssf", "ript-8": "ssff", "start": "ffff", "lone-3": "ssss"}
    records = [record for policy, each in letters.items() for condition in ("clean", "shift")
               for record in episodes("kitchen/0", condition, each, policy=policy)]
    return write_records(tmp_path_factory.mktemp("training"), records)


def drawn(kind: str, data: plots.Data) -> Any:
    """A figure whose artists are looked into; their types say little."""
    return plots.draw(kind, data)


def lines(axes: Any, label: str) -> list[tuple[list[float], list[float]]]:
    return [(list(line.get_xdata()), list(line.get_ydata())) for line in axes.get_lines() if line.get_label() == label]


def test_severity_curves_go_through_the_rates(results: Path) -> None:
    figure = drawn("severity", plots.load([results]))
    (axes,) = figure.axes
    assert axes.get_title(loc="left") == "shift"
    assert lines(axes, "hero") == [([0, 1, 2, 3, 4, 5], [100, 75, 50, 25, 0, 0])]
    assert lines(axes, "still") == [([0, 1, 2, 3, 4, 5], [50, 0, 0, 0, 0, 0])]
    low, high = (100 * end for end in agresti_coull(0.25, 8))
    band = axes.collections[0].get_paths()[0].vertices
    assert {round(y, 6) for x, y in band if x == 3} == {round(low, 6), round(high, 6)}


def test_a_panel_is_over_the_task_sets_that_have_all_of_its_severities(tmp_path: Path) -> None:
    """As of perturbations that a suite plays in one task set alone: the clean rate is of that one, too."""
    records = [record for k in range(1, 6) for record in (
        *episodes("kitchen/0", f"shift-s{k}", "sf"), *episodes("garage/0", f"shift-s{k}", "ff"),
        *episodes("garage/0", f"size-s{k}", "sf" if k < 3 else "ff"))]
    records += [*episodes("kitchen/0", "clean", "ff"), *episodes("garage/0", "clean", "ss")]
    records += episodes("kitchen/0", "size-s2", "ss")
    figure = drawn("severity", plots.load([write_records(tmp_path, records)]))
    shown = {axes.get_title(loc="left"): axes.get_lines()[0].get_ydata().tolist() for axes in figure.axes}
    assert shown == {"shift": [50, *[25] * 5], "size": [100, 50, 50, 0, 0, 0]}
    said = figure.get_supxlabel().replace("\n", " ")
    assert "Over garage alone: size." in said and "alone: shift" not in said


def test_many_panels_make_no_tower(tmp_path: Path) -> None:
    """As many as libero-severity has kinds, and those of libero-layout and libero-events beside them."""
    records = [record for number in range(50) for k in (1, 5)
               for record in episodes("kitchen/0", f"kind{number}-s{k}", "sf")]
    figure = drawn("severity", plots.load([write_records(tmp_path, [*records, *episodes("kitchen/0", "clean", "ss")])]))
    width, height = figure.get_size_inches()
    assert len(figure.axes) == 50 and 0.7 < height / width < 1.1


def test_the_forest_has_a_row_for_each_condition_the_hardest_first(results: Path) -> None:
    figure = drawn("drops", plots.load([results], conditions=["shift-*"]))
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()][::-1] == [
        "shift-s4", "shift-s5", "shift-s3", "shift-s2", "shift-s1"]
    markers = [line for line in axes.get_lines() if line.get_marker() == "o" and len(line.get_xdata()) == 1]
    assert [line.get_xdata()[0] for line in markers] == [-100, -100, -75, -50, -25]
    # p of 8, 8, 6, 4, 2 discordant pairs, after Holm over five: the first three are below 0.05
    assert [p_of(n) * k < 0.05 for n, k in ((8, 5), (8, 4), (6, 3), (4, 2), (2, 1))] == [True] * 3 + [False] * 2
    assert [line.get_markerfacecolor() != "white" for line in markers] == [True, True, True, False, False]
    assert "about exactly these tasks" in figure.get_supxlabel().replace("\n", " ")
    other = drawn("drops", plots.load([results], conditions=["shift-*"], tasks_as="sample"))
    assert "about tasks like these" in other.get_supxlabel().replace("\n", " ")


def test_policies_are_drawn_on_common_episodes(results: Path, tmp_path: Path) -> None:
    odd = [*episodes("kitchen/0", "clean", "ssss", policy="odd"), *episodes("kitchen/0", "clean", "sf")]
    data = plots.load([write_records(tmp_path, odd)])
    assert [len(side.outcomes["clean", "kitchen"]) for side in data.sides] == [2, 2]
    write_records(tmp_path, episodes("kitchen/0", "clean", "s", policy="other", seed=3))
    with pytest.raises(OptionError, match=r"without other \(1 episode\): 2 episodes in common\n  fix: --policies"):
        plots.load([tmp_path])


def test_the_heat_map_has_a_cell_for_each_task_and_condition(results: Path) -> None:
    figure = drawn("tasks", plots.load([results], conditions=["shift-s1", "far"]))
    hero, still, colours = figure.axes
    assert [label.get_text() for label in hero.get_yticklabels()] == ["garage/0", "kitchen/0", "kitchen/1"]
    assert [label.get_text() for label in hero.get_xticklabels()] == ["clean", "far", "shift-s1"]
    nan = np.nan
    for axes, values in ((hero, [[50, nan, nan], [100, 100, 75], [100, nan, 75]]),
                         (still, [[nan, nan, nan], [50, nan, 0], [50, nan, 0]])):  # fmt: skip
        np.testing.assert_array_equal(axes.images[0].get_array().filled(nan), values)
    assert colours.get_ylabel() == "success, %"
    assert sorted(text.get_text() for text in still.texts) == ["0", "0", "50", "50"]


def test_many_conditions_are_columns_in_groups(tmp_path: Path) -> None:
    played = {f"shift-s{k}": "s" * k + "f" * (5 - k) for k in range(1, 6)} | {f"only{k}": "ssssf" for k in range(24)}
    records = [each for name, letters in {"clean": "sssss", **played}.items()
               for each in episodes("kitchen/0", name, letters)]  # fmt: skip
    figure = drawn("tasks", plots.load([write_records(tmp_path, records)]))
    axes, _ = figure.axes
    names = [label.get_text() for label in axes.get_xticklabels()]
    shown = dict(zip(names, axes.images[0].get_array()[0], strict=True))
    assert len(shown) == 26 and shown["shift"] == pytest.approx(60) and shown["only7"] == shown["clean"] - 20 == 80
    assert "30 conditions, in groups" in figure.get_supxlabel()


def test_times_count_successes_within_so_many_steps(results: Path) -> None:
    figure = drawn("time", plots.load([results], conditions=["shift-s1", "shift-s2"]))
    clean, perturbed = figure.axes
    assert clean.get_title(loc="left") == "kitchen"
    assert lines(clean, "still") == [([0, 50, 50], [0, 50, 50])]
    # shift-s1: 6 of 8 in 10 steps, shift-s2: 4 of 8 in 20
    assert lines(perturbed, "hero") == [([0, 10, 20, 20], [0, 37.5, 62.5, 62.5])]
    assert perturbed.get_xlim() == (0, 20)
    # both conditions of an episode are one score: in the 10 steps of shift-s1 ½, ½, ½, 0 on both tasks
    band = clean.collections[1].get_paths()[0].vertices
    assert {round(y, 6) for _, y in band} == {round(100 * end, 6) for end in agresti_coull(0.5, 8)}


def test_there_is_no_time_to_success_where_no_episode_ends_before_its_limit(tmp_path: Path) -> None:
    now = cards.load_suite("maniskill-ind").conditions["clean"].digest
    plates = [record(task=f"maniskill_put_on_plate/{number}", steps=80, condition_digest=now) for number in range(3)]
    with pytest.raises(OptionError, match="episodes of maniskill_put_on_plate take all their steps"):
        drawn("time", plots.load([write_records(tmp_path / "one", plates)]))
    both = [*plates, *episodes("kitchen/0", "clean", "s")]
    (axes,) = drawn("time", plots.load([write_records(tmp_path / "two", both)])).axes
    assert axes.get_title(loc="left") == "kitchen"


def test_a_curve_over_time_has_no_more_points_than_it_needs(tmp_path: Path) -> None:
    many = [record(index=index, steps=index + 1) for index in range(300)]
    (axes,) = drawn("time", plots.load([write_records(tmp_path, many)])).axes
    ((steps, solved),) = lines(axes, "random")
    assert len(steps) <= STEPS + 3 and steps[-1] == 300
    assert [y for x, y in zip(steps, solved, strict=True)] == pytest.approx([100 * x / 300 for x in steps])


@pytest.mark.parametrize("kind", plots.KINDS)
def test_every_kind_is_written_as_the_same_svg_twice_and_as_a_picture(kind: str, results: Path, training: Path,
                                                                      tmp_path: Path) -> None:
    if kind == "parameter":  # only a suite says of what
        clutter = played(tmp_path / "r", "pair-clutter", {"hero": {"clutter-2": "sf", "clutter-8": "ff"}})
        data = plots.load([clutter], "pair-clutter")
    elif kind == "grid":  # and where
        places = played(tmp_path / "r", "libero-plate-grid", {"hero": {"plate_0.05_0.05": "sf"}}, (1, 3))
        data = plots.load([places], "libero-plate-grid")
    elif kind == "scale":  # and cards, of how much
        for per_task in (25, 50):
            cloned(tmp_path / "r", f"sft-{per_task}", per_task)
        data = plots.load([write_records(tmp_path / "r", [
            each for name in ("sft-25", "sft-50") for each in episodes("kitchen/0", "clean", "sf", policy=name)])])
    else:
        data = plots.load([training if kind == "iterations" else results], conditions=["shift*", "jpeg*"])
    first, again = drawn(kind, data), drawn(kind, data)
    assert plots.save(first, tmp_path / "one") == [tmp_path / "one.svg", tmp_path / "one.png"]
    text = (tmp_path / "one.svg").read_text()
    assert plots.rendered(again, ".svg").decode() == text and "<svg" in text
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    words = [text.get_text() for text in first.findobj(match=lambda artist: hasattr(artist, "get_text"))]
    assert any("Measured on primitive assets." in word.replace("\n", " ") for word in words)


def test_a_folder_that_is_played_in_part_has_its_legend(tmp_path: Path) -> None:
    """The first panel, clean on the first task set, may be empty."""
    part = [*episodes("kitchen/0", "dark", "sf"), *episodes("garage/0", "clean", "ss"),
            *episodes("garage/0", "dark", "sf")]
    figure = drawn("time", plots.load([write_records(tmp_path, part)]))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["random"]


def test_series_can_be_told_apart_without_colour() -> None:
    """Luminance (Rec. 709) of the first four differs by an eighth or more, and no two share a marker or dashes."""
    def luminance(colour: str) -> float:
        return sum(w * int(colour[i : i + 2], 16) / 255 for w, i in ((0.2126, 1), (0.7152, 3), (0.0722, 5)))

    first = sorted(luminance(each.color) for each in LOOKS[:4])
    assert min(np.diff(first)) > 0.125 and first[-1] < 0.8
    assert len({each.marker for each in LOOKS}) == len({str(each.dashes) for each in LOOKS}) == len(LOOKS)
    assert len({(look(i).color, look(i).marker) for i in range(30)}) == 30


def test_a_pdf_is_drawn_in_vectors_with_truetype_fonts(results: Path, tmp_path: Path) -> None:
    figure = drawn("drops", plots.load([results]))
    assert plots.save(figure, tmp_path / "one.pdf") == [tmp_path / "one.pdf"]
    plots.save(drawn("drops", plots.load([results])), tmp_path / "two.pdf")
    content = (tmp_path / "one.pdf").read_bytes()
    assert content.startswith(b"%PDF") and content == (tmp_path / "two.pdf").read_bytes()
    assert b"/FontFile2" in content and b"/Type3" not in content and b"/CreationDate" not in content
    assert b"/Subtype /Image" not in content


def test_wrong_kinds_and_files_are_refused(results: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="unknown kind of plot 'radr': did you mean 'radar'"):
        plots.draw("radr", plots.load([results]))
    with pytest.raises(OptionError, match=r"one\.jpg: a figure is written as \.svg, \.png, \.pdf, or without a suffix"):
        plots.check_target(tmp_path / "one.jpg")
    with pytest.raises(OptionError, match="there is no folder"):
        plots.check_target(tmp_path / "no" / "one.svg")
    (tmp_path / "one.svg").mkdir()
    with pytest.raises(StoreError, match="cannot write"):
        plots.save(plots.draw("drops", plots.load([results])), tmp_path / "one.svg")


def test_data_that_a_kind_has_no_use_for(tmp_path: Path) -> None:
    bare = write_records(tmp_path / "bare", episodes("kitchen/0", "far", "ss"))
    with pytest.raises(OptionError, match="libero-severity"):
        plots.draw("severity", plots.load([bare]))
    with pytest.raises(OptionError, match="--no-control"):
        plots.draw("drops", plots.load([bare]))
    failed = write_records(tmp_path / "failed", episodes("kitchen/0", "far", "ee"))
    with pytest.raises(OptionError, match="no episode with an outcome is left"):
        plots.load([failed])


def test_policies_of_two_simulators_do_not_stand_beside_each_other(tmp_path: Path) -> None:
    both = write_records(tmp_path, [each for policy, task in (("hero", "kitchen/0"), ("rival", "garage/0"))
                                    for name in ("clean", "shift-s1", "shift-s2")
                                    for each in episodes(task, name, "ss", policy=policy)])
    data = plots.load([both])
    for kind in kinds.SHARING:
        with pytest.raises(OptionError, match="share no task set: hero on kitchen; rival on garage\n  fix: --suite"):
            plots.draw(kind, data)
    assert plots.draw("tasks", data)


def test_a_picture_that_nobody_could_open_is_refused(tmp_path: Path) -> None:
    many = write_records(tmp_path, [each for number in range(500)
                                    for each in episodes(f"kitchen/{number}", "clean", "s")])
    with pytest.raises(OptionError, match=r"a figure of \d+ × 8\d inches: too many .*\n  fix: --suite, --policies"):
        plots.draw("tasks", plots.load([many]))


def test_packs_have_names_of_their_own(tmp_path: Path) -> None:
    both = [*episodes("kitchen/0", "clean", "s"), *episodes("kitchen/0", "clean", "s", assets="official")]
    data = plots.load([write_records(tmp_path, both)])
    assert [data.label(side) for side in data.sides] == ["random (official)", "random (primitive)"]
    assert data.caption == "Measured on official and primitive assets."


def test_iterations_join_what_a_training_kept(training: Path) -> None:
    """A line through the policies of one training, in the order of their numbers; others are level lines."""
    figure = drawn("iterations", plots.load([training]))
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "clean\nript: 12, 12, –, –", "shift\nript: 12, 12, 12, 12, 12"]
    assert lines(figure.axes[1], "ript") == [([4, 8, 12], [25, 50, 75])]
    levels = {name: [y for _, ys in lines(figure.axes[0], name) for y in ys] for name in ("start", "lone-3")}
    assert levels == {"start": [0, 0], "lone-3": [100, 100]}


def test_iterations_draw_the_mean_of_the_perturbed_conditions_too(tmp_path: Path) -> None:
    letters = {"ript-4": ("ssss", "ssff", "ffff"), "ript-8": ("ssss", "ssss", "ssff")}
    figure = drawn("iterations", plots.load([write_records(tmp_path, [
        record for policy, each in letters.items()
        for condition, said in zip(("clean", "near", "far"), each, strict=True)
        for record in episodes("kitchen/0", condition, said, policy=policy)])]))
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "clean\nript: 4, 4, 4, 4", "far\nript: –, –, –, –, –", "near\nript: 8, 8, 8, 8, 8",
        "mean of perturbed\nript: 8, 8, 8, 8, 8"]
    assert lines(figure.axes[3], "ript") == [([4, 8], [25, 75])]


def test_seeds_are_no_iterations(tmp_path: Path) -> None:
    names = ("hero-seed-1", "hero-seed-2", "ript-4", "ript-8")
    figure = drawn("iterations", plots.load([write_records(tmp_path, [
        record for name in names for record in episodes("kitchen/0", "clean", "ssff", policy=name)])]))
    assert figure.axes[0].get_title(loc="left") == "clean\nript: –, –, –, –"


def test_iterations_of_two_packs_are_two_lines(tmp_path: Path) -> None:
    figure = drawn("iterations", plots.load([write_records(tmp_path, [
        record for pack in ("official", "primitive") for name, letters in (("ript-4", "sfff"), ("ript-8", "ssff"))
        for record in episodes("kitchen/0", "clean", letters, policy=name, assets=pack)])]))
    assert all(lines(figure.axes[0], f"ript ({pack})") == [([4, 8], [25, 50])] for pack in ("official", "primitive"))


def test_iterations_have_something_in_common(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no condition and task set in common\n  fix: --policies"):
        drawn("iterations", plots.load([write_records(tmp_path, [
            *episodes("kitchen/0", "clean", "ss", policy="ript-4"),
            *episodes("garage/0", "clean", "ss", policy="ript-8")])]))


def test_iterations_need_two_policies_of_a_training(results: Path) -> None:
    with pytest.raises(OptionError, match="keeps one after every evaluation"):
        drawn("iterations", plots.load([results]))
