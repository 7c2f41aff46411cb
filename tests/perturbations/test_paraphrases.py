"""The sentences of paraphrases.toml against the goals in LIBERO's own task files, and files that cannot be read.

Whether a sentence still names target, place and relation is asked with a table of names of this test's own: what each
object, fixture and region of the task files may be called, in whatever task.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from vlabench.perturbations._paraphrases import KINDS, built_in, read
from vlabench.perturbations.paraphrase import Paraphrase
from vlabench.simulators.maniskill import catalogue, starts

STOVE, CABINET = "(?:stove|cooker|hob)", "(?:cabinet|cupboard|dresser)"
COOKIES, RACK = "(?:cookie (?:box|package)|box of cookies)", "(?:rack|bottle holder)"
CALLED = {  # category, or how a region's name ends → what it may be called
    "akita_black_bowl": "bowl", "plate": "plate", "basket": "basket", "microwave": "microwave", "cookies": COOKIES,
    "alphabet_soup": "(?:alphabet|letter) soup", "cream_cheese": "(?:cream|soft) cheese", "milk": "milk",
    "salad_dressing": "(?:salad dressing|dressing for salads)", "bbq_sauce": "(?:bbq|barbecue) sauce",
    "ketchup": "(?:ketchup|catsup)", "tomato_sauce": "(?:tomato sauce|sauce made of tomatoes)", "butter": "butter",
    "chocolate_pudding": "chocolate (?:pudding|dessert)", "orange_juice": "(?:orange juice|juice made of oranges)",
    "wine_bottle": "(?:wine bottle|bottle of wine)", "moka_pot": "(?:moka|coffee) pots?", "black_book": "book",
    "porcelain_mug": "(?<!yellow and )white (?:mug|cup)", "white_yellow_mug": "yellow and white (?:mug|cup)",
    "red_coffee_mug": "red (?:mug|cup)", "chefmate_8_frypan": "pan", "desk_caddy": "(?:caddy|organizer)",
    "glazed_rim_porcelain_ramekin": "ramekin", "flat_stove": STOVE, "wooden_cabinet": CABINET, "wine_rack": RACK,
    "white_cabinet": CABINET, "cabinet_1_top_region": "(?:top|upper|uppermost|highest) drawer",
    "cabinet_1_middle_region": "(?:middle|central|centre) drawer", "cook_region": STOVE,
    "cabinet_1_bottom_region": "(?:bottom|lowest|lower) drawer", "basket_1_contain_region": "basket",
    "back_contain_region": "(?:back|rear) (?:compartment|section)", "heating_region": "microwave",
    "wine_rack_1_top_region": RACK,
}
SPOTS = {  # how a region's name ends → what is said of what is there
    "cabinet_1_top_side": rf"(?:on|atop|top of) the (?:\w+ ){{0,2}}{CABINET}",
    "table_center": "(?:table center|(?:middle|centre) of the table)",
    "stove_front_region": rf"front of the (?:\w+ )?{STOVE}", "plate_right_region": "right (?:side )?of the plate",
    "between_plate_ramekin_region":
        r"between the (?:\w+ )?(?:plate and the (?:\w+ )?ramekin|ramekin and the plate)",
    "next_to_ramekin_region": r"(?:next to|beside|adjacent to) the (?:\w+ ){0,2}ramekin",
    "next_to_box_region": rf"(?:next to|beside|alongside) the (?:\w+ )?{COOKIES}",
    "next_to_plate_region": r"(?:next to|beside|adjacent to) the (?:\w+ )?plate",
}
RELATIONS = {"On": "(?:on|onto|atop)", "In": "(?:in|into|inside)"}
STATES = {"Open": "(?:open|pull out)", "Close": "(?:close|shut)",
          "Turnon": r"(?:turn|switch|switching) (?:\w+ ){0,2}on"}
MOVED = "(?:place|put|set|move|transfer|drop|go|lay|slot)"
SIDES = {"plate_1": "(?:left plate|plate to the left)", "plate_2": "(?:right plate|plate to the right)"}
"""Of the task that has two plates."""
IMPLIED = {("libero_10/8", ("Turnon", "flat_stove_1", ""))}
"""What holds at the start, and no sentence says."""
Atom = tuple[str, str, str]


def pattern(what: str) -> str:
    """What an object, a fixture or a region may be called."""
    return CALLED[max((name for name in CALLED if re.search(rf"{name}(_\d+)?$", what)), key=len)]


def spot(where: str) -> str:
    return next((words for region, words in SPOTS.items() if where.endswith(region)), "")


def there(sentence: str, predicate: str, where: str) -> bool:
    """Whether a sentence says that a thing is at a place."""
    if spot(where):
        return bool(re.search(spot(where), sentence))
    return bool(re.search(rf"\b(?:{RELATIONS[predicate]}|out of) (?:\w+ ){{0,4}}{pattern(where)}\b", sentence))


def asks(sentence: str, atom: Atom, place: str = "") -> bool:
    """Whether a sentence asks for an atom of a goal. place: what the place is called, if not after the whole table."""
    predicate, what, where = atom
    if not re.search(rf"\b{pattern(what)}\b", sentence):
        return False
    if predicate in STATES:
        return bool(re.search(rf"\b{STATES[predicate]}\b", sentence))
    if spot(where):
        return there(sentence, predicate, where)
    relation, place = RELATIONS[predicate], place or pattern(where)
    if where == "akita_black_bowl_1":  # in it, says the sentence; on it, says the goal
        relation = RELATIONS["In"]
    at_place = rf"\b{relation} (?:[\w-]+ ){{0,4}}{place}\b"
    return any(re.search(words, sentence) for words in (
        rf"\b{MOVED}\b[^,]*{at_place}", rf"{at_place}(?: of the \w+)?,? (?:both )?{MOVED}\b",
        rf"\b{place}\b.*\b{MOVED}\b.*\b{relation}(?: (?:top of )?it)?(?:$|[?,]| and)"))


class TaskFile:
    """What a task's BDDL file says."""

    def __init__(self, task_set: str, name: str) -> None:
        from vlabench.simulators.libero import hf_libero

        text = hf_libero.bddl_file(task_set, name).read_text(encoding="utf-8")
        self.own = hf_libero.instruction(name)
        self.goal, self.start = (self._atoms(text, begin) for begin in ("(:goal", "(:init"))
        listed = " ".join(re.findall(r"\(:(?:objects|fixtures)(.*?)\)", text, re.DOTALL))
        self.categories = sorted(set(re.findall(r"- (\w+)", listed)) - {"table", "floor"})

    @staticmethod
    def _atoms(text: str, begin: str) -> list[Atom]:
        part = text[text.index(begin):].split("\n  (:", 2)[0]
        return re.findall(r"\((On|In|Open|Close|Turnon) (\w+)(?: (\w+))?\)", part)


def libero() -> dict[str, TaskFile]:
    """Task key → its file."""
    pytest.importorskip("libero")
    from vlabench.simulators.libero import hf_libero

    return {f"{task_set}/{number}": TaskFile(task_set, name) for task_set in hf_libero.TASK_SETS
            for number, name in enumerate(hf_libero.task_names(task_set))}


def all_of(own: str) -> list[str]:
    return [sentence for those in built_in().of(own).values() for sentence in those]


def test_every_task_has_ten_two_of_each_kind() -> None:
    tasks = libero()
    assert len(tasks) == 40 and set(built_in().tables) == {task.own for task in tasks.values()} | {
        "put {thing} on {place}"}
    for sentences in built_in().tables.values():
        assert {kind: len(those) for kind, those in sentences.items()} == dict.fromkeys(KINDS, 2)


def test_target_place_and_relation_are_named_in_every_one() -> None:
    judged = 0
    for key, task in libero().items():
        for atom in task.goal:
            place = SIDES.get(atom[2], "") if key == "libero_10/4" else ""
            for sentence in (task.own, *all_of(task.own)):
                assert asks(sentence, atom, place) or (key, atom) in IMPLIED, (key, atom, sentence)
                judged += 1
    assert judged > 440


def test_of_two_bowls_the_one_that_is_meant_is_told_by_where_it_stands() -> None:
    for key, task in libero().items():
        if key.startswith("libero_spatial"):
            ((_, _, where),) = [atom for atom in task.start if atom[1] == "akita_black_bowl_1"]
            predicate = next(atom[0] for atom in task.start if atom[1] == "akita_black_bowl_1")
            for sentence in (task.own, *all_of(task.own)):
                assert there(sentence, predicate, where), (key, where, sentence)
                assert "black bowl" in sentence


@pytest.mark.parametrize(("key", "pairs"), [
    ("libero_10/4", (("porcelain_mug", "to the left|left plate"), ("white_yellow_mug", "to the right|right plate"))),
    ("libero_10/6", (("porcelain_mug", "(?:on|onto|on top of) the (?:round |flat )?plate"),
                     ("chocolate_pudding", "right (?:side )?of the plate")))])
def test_of_two_things_each_goes_to_its_own_place(key: str, pairs: tuple[tuple[str, str], ...]) -> None:
    for sentence in all_of(libero()[key].own):
        clauses = re.split(r",? and (?=put|place|set|move|on the|to the)", sentence)
        assert len(clauses) == 2
        for thing, place in pairs:
            (mine,) = [clause for clause in clauses if re.search(rf"\b{CALLED[thing]}\b", clause)]
            assert re.search(rf"\b(?:{place})\b", mine), sentence


def test_nothing_else_of_the_scene_is_named() -> None:
    for key, task in libero().items():
        others = [CALLED[name] for name in task.categories if name in CALLED
                  and not re.search(rf"\b{CALLED[name]}\b", task.own)]
        if key == "libero_goal/3":  # whose own sentence does not say whose drawer it is
            others.remove(CABINET)
        for sentence in all_of(task.own):
            assert not [name for name in others if re.search(rf"\b{name}\b", sentence)], (key, sentence)


def test_the_test_of_entities_sees_what_is_wrong() -> None:
    on_plate = ("On", "akita_black_bowl_1", "plate_1")
    assert asks("set the bowl down on top of the plate", on_plate)
    for wrong in ("put the bowl on the stove", "put it on the plate", "put the plate on the bowl", "bowl plate",
                  "put the bowl next to the plate", "look at the bowl on the plate",
                  "pick up the bowl on the plate and place it on the ramekin"):
        assert not asks(wrong, on_plate), wrong
    assert not asks("open the stove", ("Turnon", "flat_stove_1", ""))
    assert not asks("open the bottom drawer", ("Open", "wooden_cabinet_1_middle_region", ""))


def test_nothing_but_words_is_said_and_never_twice() -> None:
    said = [sentence for sentences in built_in().tables.values() for those in sentences.values() for sentence in those]
    assert len(set(said)) == len(said)
    for sentence in said:  # no digit, no underscore: nothing by which an episode or a condition could be told
        assert re.fullmatch(r"[a-z ,'?-]+", sentence.replace("{thing}", "thing").replace("{place}", "place")), sentence
        assert sentence == " ".join(sentence.split()) and not re.search(r"\b(\w+) \1\b", sentence)


def test_the_kinds_are_what_they_are_called() -> None:
    for own, sentences in built_in().tables.items():
        for kind, those in sentences.items():
            for sentence in those:
                if kind in ("politeness", "context") and "{" not in own:
                    assert own in sentence
                if kind == "politeness":
                    assert re.search("please|kindly|could you|would you|can you|if you", sentence)
                if kind == "context":
                    assert len(sentence.split()) >= len(own.split()) + 3
                if kind in ("attribute", "order"):
                    lost = set(re.findall(r"\w+", own)) - set(re.findall(r"\w+", sentence))
                    assert not lost - {"from", "it", "and"}, (own, sentence)
                if kind == "synonym":
                    assert own.split()[0] not in sentence.split()[:1] or own.startswith("put {")


def test_severities_leave_fewer_and_fewer_of_the_own_words_and_add_more_and_more_where_all_are_left() -> None:
    lost, added = [], []
    for severity in range(1, 6):
        kind = Paraphrase.severities[severity]["kind"]
        pairs = [(Counter(re.findall(r"[\w{}'-]+", own)), Counter(re.findall(r"[\w{}'-]+", sentence)))
                 for own, sentences in built_in().tables.items() for sentence in sentences[kind]]
        lost.append(np.mean([(own - said).total() for own, said in pairs]))
        added.append(np.mean([(said - own).total() for own, said in pairs]))
    assert lost[0] == lost[1] == lost[2] == 0 < lost[3] < lost[4] and added[0] < added[1] < added[2]


def test_put_on_plate_scenes_have_ten_whatever_stands_there() -> None:
    for thing in range(len(catalogue.OBJECTS)):
        for place in range(len(catalogue.RECEPTACLES)):
            said = all_of(starts.instruction(thing, place))
            names = catalogue.OBJECTS[thing].name, catalogue.RECEPTACLES[place].name
            assert len(set(said)) == 10 and all(name in sentence for sentence in said for name in names)
            for sentence in said:
                assert re.search(rf"\b(?:on|onto)(?: the| top of the)?(?: flat)? {names[1]}\b", sentence)
    assert all_of("put carrot on plate, not on pizza") == all_of("turn on the radio") == []
    assert "place the carrot onto the plate" in all_of("put the carrot on the plate")


OWN = '["put the bowl on the stove"]\n'


@pytest.mark.parametrize(("text", "problem"), [
    ("", "holds no table of paraphrases"),
    ("x = [", "not valid TOML: "),
    ("x = 3", "'x' is no table of kinds"),
    (OWN, "'put the bowl on the stove' is no table of kinds"),
    (OWN + 'synonyms = ["a"]', "unknown kind 'synonyms': did you mean 'synonym'?"),
    (OWN + "synonym = []", "synonym is no list of sentences"),
    (OWN + 'synonym = "set it down"', "synonym is no list of sentences"),
    (OWN + "synonym = [3]", "'3' is no sentence"),
    (OWN + 'synonym = [" "]', "' ' is no sentence"),
    (OWN + r'synonym = ["a\nb"]', "is no sentence"),
    (OWN + f'synonym = ["{"a" * 401}"]', "has 401 characters, at most 400"),
    (OWN + 'synonym = ["put the bowl on the stove"]', "stands there twice, or is no other sentence"),
    (OWN + 'synonym = ["a", "b"]\norder = ["b"]', "'b' stands there twice"),
    (OWN + 'synonym = ["set {thing} down"]', "must have the names in braces of the sentence that it stands for: none"),
    ('["put {x} on {y}"]\norder = ["on {y} put it"]', "it stands for: x, y"),
    ('["put {x} on {y}"]\norder = ["on {y} put {x} {"]', "it stands for: x, y"),
    ('["put {x} on {x}"]\norder = ["{x}"]', "has a name in braces twice"),
])
def test_a_file_that_is_none_of_paraphrases_says_what_is_wrong(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "words.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}: .*{re.escape(problem)}"):
        read(path)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="words.toml: No such file"):
        read(tmp_path / "words.toml")
    with pytest.raises(ValueError, match="Is a directory"):
        read(tmp_path)
