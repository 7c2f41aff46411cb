"""both_receptacles_named on a scene that says what stands there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest

from vlabench.errors import UnsupportedError
from vlabench.perturbations.both_receptacles_named import BothReceptaclesNamed
from vlabench.perturbations.instruction_template import InstructionTemplate
from vlabench.seeding import Draws


class Table:
    """With an object and two receptacles."""

    def stands(self) -> Mapping[str, Any]:
        return {"object": ["carrot", 0.0, 0.1, 45.0], "receptacle": ["pizza", 0.2, 0.1, 0.0],
                "others": [["newspaper", -0.1, 0.0, 0.0]]}


@pytest.mark.parametrize(("text", "told"), [
    ("put carrot on pizza", "put carrot on pizza, not on newspaper"),
    ("Make sure carrot is on pizza.", "Make sure carrot is on pizza, not on newspaper."),
    ("Can you put carrot on pizza?", "Can you put carrot on pizza, not on newspaper?")])
def test_the_other_is_named_last_as_where_not_to_put_it(text: str, told: str, draws: Callable[[int], Draws]) -> None:
    made = BothReceptaclesNamed()
    made.scene(cast(Any, Table()), draws(0))
    assert made.instruction(text, draws(0)) == told
    assert made.realised() == {**Table().stands(), "instruction": told}
    assert made.channels(()) == {"scene", "instruction"} and made.scene_variant() == {"other_receptacles": 1}


def test_other_words_come_before_the_second_name(draws: Callable[[int], Draws]) -> None:
    with pytest.raises(UnsupportedError, match="newspaper' has no other phrasing.*\\n  fix: .* before what else"):
        InstructionTemplate().instruction("put carrot on pizza, not on newspaper", draws(0))
