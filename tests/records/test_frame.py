"""Episodes as a data frame: what is in it, what is left out, and that its rates are those of tables."""

from __future__ import annotations

import dataclasses
import re
import warnings
from pathlib import Path
from typing import Any

import pandas
import pytest

import vlabench
from tests.factories import episodes, record, write_records
from tests.places import ROOT
from vlabench import cards
from vlabench.errors import OptionError, StoreError, UnknownName
from vlabench.records.frame import ORDER, TABLES, episodes_of, load_records, reached
from vlabench.reports.tables import Choice, make
from vlabench.reports.tables.paired import Cell

TURNED: dict[str, Any] = {"realised": {"rotation": {"degrees": 3.5}, "shift": {"left": 2}}, "policy": "hero"}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two policies, tasks with unequal numbers of episodes, errors, a milestone and blocks."""
    blocks = {"occlusion": {"blocks": [{"x": 1}, {"x": 2}]}, "rotation": {"degrees": None}}
    return write_records(tmp_path / "results", [
        *episodes("kitchen/0", "clean", "sssf", policy="hero", changed={}),
        *episodes("kitchen/1", "clean", "fe", policy="hero", changed={}, milestones={"grasped": True}),
        *episodes("kitchen/0", "turned", "sffe", **TURNED),
        *episodes("kitchen/1", "turned", "s", **{**TURNED, "realised": blocks}),
        *episodes("garage/0", "clean", "sf", policy="rival", assets="official", versions={"mujoco": "3.3.7"}),
    ])  # fmt: skip


def test_a_row_is_an_episode_and_its_columns_are_those_of_the_record(results: Path) -> None:
    frame = vlabench.load_results(results)
    assert list(frame.columns[: len(ORDER)]) == list(ORDER) and len(frame) == 13
    assert list(frame.columns[len(ORDER) :]) == [
        "realised.occlusion.blocks", "realised.rotation.degrees", "realised.shift.left", "milestones.grasped",
        "changed.images/wrist", "frame.wrist", "versions.mujoco"]
    chosen = frame[(frame.task == "kitchen/0") & (frame.condition == "turned") & (frame["index"] == 1)]
    (row,) = chosen.to_dict("records")
    assert {name: row[name] for name in ("policy", "assets", "task_set", "seed", "status", "success", "steps")} == {
        "policy": "hero", "assets": "primitive", "task_set": "kitchen", "seed": 0, "status": "failure",
        "success": False, "steps": 93}
    assert (row["realised.rotation.degrees"], row["changed.images/wrist"], row["acted"]) == (3.5, 0.5, True)
    assert row["changed_first"] == ("images/wrist",) and row["frame.wrist"] == "ab12" and row["state"] == "cd34"
    assert row["finished"] == pandas.Timestamp("2025-01-01", tz="UTC")
    assert [str(frame[name].dtype) for name in ("status", "success", "success_once", "acted", "index", "seed", "steps",
                                                "seconds", "realised.shift.left", "milestones.grasped")] == [
        "category", "boolean", "boolean", "boolean", "int64", "int64", "int64", "float64", "float64", "boolean"]
    assert str(frame.finished.dtype).startswith("datetime64") and list(frame.status.cat.categories) == [
        "success", "failure", "error"]
    assert frame["realised.occlusion.blocks"].dropna().to_list() == [[{"x": 1}, {"x": 2}]]
    assert frame["milestones.grasped"].sum() == 2 and frame["realised.rotation.degrees"].count() == 4


def test_errors_are_rows_without_success(results: Path) -> None:
    frame = vlabench.load_results(results)
    errors = frame[frame.status == "error"]
    assert len(errors) == 2
    assert errors[["success", "success_once", "success_at_end", "acted"]].isna().all(axis=None)
    assert frame.success.sum() == 6 and frame.success.count() == 11


def test_tables_are_made_of_the_same_rows_and_columns(results: Path) -> None:
    whole = vlabench.load_results(results)
    found = load_records([results]).records
    assert list(map(tuple, found)) == [("hero", "primitive"), ("rival", "official")]
    for (policy, assets), rows in found.items():
        same = whole[(whole.policy == policy) & (whole.assets == assets)]
        assert set(rows.columns) == {*TABLES, "task_set"}
        pandas.testing.assert_frame_equal(rows, same[rows.columns], check_dtype=False, check_categorical=False)
        assert str(rows.condition.dtype) == str(rows.task_set.dtype) == "category"


def test_milestones_are_loaded_where_asked_for_and_unknown_where_there_are_none(results: Path) -> None:
    hero, rival = (found for _, found in sorted(load_records([results], milestones=True).records.items()))
    assert [name for name in hero.columns if name.startswith("milestones")] == ["milestones.grasped"]
    known = reached(hero, "grasped")
    assert known[known.notna()].tolist() == [True] and known.notna().sum() == 1  # the error of the two has none
    assert reached(hero, "lifted").isna().all() and reached(rival, "grasped").isna().all()


def test_a_seed_may_be_of_any_size(tmp_path: Path) -> None:
    write_records(tmp_path, [record(), record(seed=2**64)])
    (rows,) = load_records([tmp_path]).records.values()
    assert list(episodes_of(rows)) == [("kitchen/0", 0, 0), ("kitchen/0", 0, 2**64)]
    assert make([tmp_path], Choice(layout="summary")).lines


def test_policies_packs_and_suites_are_chosen_as_tables_choose(results: Path) -> None:
    assert set(vlabench.load_results(results, policies="h*").policy) == {"hero"}
    assert set(vlabench.load_results(results / "hero", results / "rival", policies=["rival"]).policy) == {"rival"}
    assert set(vlabench.load_results(str(results), assets="official").assets) == {"official"}
    with pytest.raises(UnknownName, match="unknown policy 'hera'.*did you mean 'hero'"):
        vlabench.load_results(results, policies="hera")
    with pytest.raises(UnknownName, match="unknown suite 'nothing'"):
        vlabench.load_results(results, suite="nothing")
    with pytest.raises(OptionError, match="no records on 'none' assets"):
        vlabench.load_results(results, assets="none")
    with pytest.raises(StoreError, match="nowhere is no folder"):
        vlabench.load_results(results, results / "nowhere")


def test_what_no_longer_fits_is_left_out_with_the_warning_that_tables_give(tmp_path: Path) -> None:
    old = [record(index=i, policy_digest="old", finished="2024-01-01T00:00:00+00:00") for i in range(3)]
    write_records(tmp_path, [*old, *episodes("kitchen/1", "clean", "sf", policy_digest="new")])
    with pytest.warns(UserWarning, match="3 records left out: policy 'random' had another card") as caught:
        frame = vlabench.load_results(tmp_path)
    assert list(frame.task) == ["kitchen/1"] * 2
    assert tuple(str(each.message) for each in caught) == load_records([tmp_path]).notes
    assert {each.filename for each in caught} == {__file__}


@pytest.mark.parametrize(("rule", "wins"), [(None, 1), ("once", 2), ("end", 1)])
def test_success_is_what_the_suite_counts(rule: str | None, wins: int, tmp_path: Path) -> None:
    card = tmp_path / "counted.toml"
    card.write_text('title = "t"\nsource = "s"\nsimulator = "libero"\ntask_sets = ["libero_goal"]\nepisodes = 4\n'
                    + (f'success = "{rule}"\n' if rule else ""))
    digest = cards.load_suite(str(card)).conditions["clean"].digest
    known = {"task": "libero_goal/3", "condition_digest": digest, "success_at_end": False}
    write_records(tmp_path, [
        record(**{**known, "success_at_end": True}), record(**known, index=1, status="failure"),
        dataclasses.replace(record(**known, index=2, status="failure"), success_once=True)])
    frame = vlabench.load_results(tmp_path, suite=str(card))
    assert frame.success.sum() == wins and frame.success_once.sum() == 2 and frame.success_at_end.sum() == 1


def test_a_suite_that_was_not_played_makes_an_empty_frame(results: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = vlabench.load_results(results, suite="libero-joint")
    assert len(frame) == 0 and list(frame.columns) == list(ORDER)


def test_the_readme_s_example_gives_the_rates_of_the_table(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"\n\n((?:    .*\n)*    .*load_results.*\n(?:    .*\n)*)", (ROOT / "README.md").read_text())
    monkeypatch.chdir(results.parent)
    names: dict[str, Any] = {}
    exec("\n".join(line[4:] for line in code.splitlines()), names)
    rates = names["rates"]
    sheet = make([Path("results")], Choice(assets="primitive"))
    shown = {(line.name, head.name): cell.value for line in sheet.lines if "−" not in line.name
             for head, cell in zip(sheet.columns, line.cells, strict=True) if isinstance(cell, Cell)}
    assert len(rates) == len(shown) == 2
    for (policy, condition), rate in rates.items():
        assert rate == pytest.approx(shown[policy, condition])
