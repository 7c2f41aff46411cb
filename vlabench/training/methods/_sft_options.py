"""What a card's `training.options` may hold of the method sft."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import Self

from vlabench.adapters.base import TrainablePolicy
from vlabench.cards.lineage import DEFAULTS
from vlabench.cards.noise import Noise
from vlabench.errors import CardError
from vlabench.training.demos.collect import HORIZON, LONGEST
from vlabench.training.demos.data import OFFERED
from vlabench.training.methods._cloner import Precision
from vlabench.training.objectives import base
from vlabench.training.objectives.base import Objective, SummedOptions
from vlabench.training.objectives.cloning import Cloning, CloningOptions
from vlabench.training.objectives.locating import Locating, LocatingOptions
from vlabench.training.rl.adapting import Lora
from vlabench.training.rl.samples import WANTED

LOG = 50
"""Steps from one point of the curves to the next."""


class Round(BaseModel):
    """Demonstrations to collect, and a training on all that there are by then."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    tasks: tuple[str, ...] = Field(
        default=(), description="Patterns of tasks to collect demonstrations of; none means all.")
    per_task: int = Field(
        ge=1, description="Demonstrations of each task.")
    steps: int = Field(
        ge=1, description="Training steps, each of one batch.")
    learning_rate: float = Field(
        default=1e-3, gt=0, description="Learning rate of AdamW, from which it falls by a cosine.")
    mix: float = Field(
        default=1.0, ge=0, le=1,
        description="From the second round on, share of the turns in which the expert acts; in the others the policy "
                    "of the round before does (DAgger).")
    horizon: float | None = Field(
        default=None, gt=0, le=LONGEST, description="That of this round's demonstrations; by default the training's.")


class SftOptions(SummedOptions):
    """What to start from, which demonstrations to collect, and how to clone them."""

    offers = OFFERED | {WANTED}
    critics = True

    task_sets: tuple[str, ...] = Field(
        description="Task sets to train on.")
    rounds: tuple[Round, ...] = Field(
        min_length=1, description="Rounds of collecting demonstrations and training on all of them.")
    init: str | None = Field(
        default=None, description="Policy to go on from, by name or card; by default one that knows nothing.")
    simulator: str | None = Field(
        default=None, description="Simulator to collect in; by default the policy's.")
    assets: str | None = Field(
        default=None, description="Asset pack to collect on; by default the first of the policy's.")
    noise: float = Field(
        default=DEFAULTS["sft"]["noise"],
        description="Standard deviation of the noise on demonstrated actions, in units of the action space.")
    kicks: float = Field(
        default=0.005,
        description="Share of the control steps at which the hand is kicked away; above 0, starts are displaced, too.")
    horizon: float = Field(
        default=HORIZON, gt=0, le=LONGEST,
        description="Share of a task's step limit that demonstrations have. Where success ends no episode, such as on "
                    "ManiSkill, less of it means fewer frames in which all is done.")
    even: bool = Field(
        default=False,
        description="Whether every frame counts the same. By default every label of a chunk does, by which those "
                    "frames count less in which the policy of the round before acted: the labels that follow are no "
                    "answer to what it did.")
    augment: Noise | None = Field(
        default=None,
        description="Perturbations of the demonstrations' pictures, drawn for each sample anew.")
    batch: int = Field(
        default=64, ge=1, description="Samples of a training step.")
    accumulation: int = Field(
        default=1, ge=1,
        description="Parts that a step's batch is computed in, one after the other, so that it takes less memory; the "
                    "gradient is that of the whole.")
    lora: Lora | None = Field(
        default=None,
        description="Train LoRA matrices alone, and in full an action head of layers of its own (OpenVLA-OFT's); "
                    "without it all parameters are trained. `average` has to be 0 then.")
    cloning: float = Field(
        default=1.0, ge=0,
        description="Weight of the expert's actions; 0: the policy learns from `objectives` alone, as `consistency` "
                    "with what the policy that a round begins with does for the pictures without `augment`.")
    sigma: float = Field(
        default=2.0, ge=0,
        description="Standard deviation of the soft targets around the expert's action, in bins; 0: its bin alone.")
    points: float | None = Field(
        default=None, ge=0,
        description="Weight of the error of the points relative to the hand; by default 1 for a policy with points.")
    pixels: float | None = Field(
        default=None, ge=0,
        description="Weight of the divergence of the points' maps; by default 0.1 for a policy with points.")
    weight_decay: float = Field(
        default=0.01, ge=0, description="Weight decay of AdamW.")
    average: float = Field(
        default=0.999, ge=0, lt=1,
        description="Decay per step of the weights' moving average, which is what acts and is shipped; 0 for none.")
    weight_interpolation: float = Field(
        default=1.0, gt=0, le=1,
        description="What is shipped lies at this share of the way from the weights that a round begins with; below 1 "
                    "a policy keeps more of what it could do (Wortsman et al. 2022).")
    max_grad_norm: float = Field(
        default=1.0, gt=0, description="Largest L2 norm of all gradients together; larger ones are scaled down to it.")
    precision: Precision = Field(
        default="auto",
        description="Arithmetic of the network: bf16 halves the time where the processor has it; auto is bf16 on a GPU "
                    "and float32 on a CPU.")
    network: dict[str, Any] = Field(
        default_factory=dict,
        description="Sizes of a policy that begins from nothing; nano's are those of `NanoConfig`.")
    eval_episodes: int = Field(
        default=2, ge=0,
        description="Episodes of each task, from sampled starts, to evaluate on after each round; 0 for none.")
    every: int = Field(
        default=10 * LOG, ge=LOG, multiple_of=LOG, description="Steps between two checkpoints.")

    @model_validator(mode="after")
    def _no_average_of_factors(self) -> Self:
        """The product of two averages is not the average of the products, and those are as large as the network."""
        if self.lora is not None and (self.average or self.weight_interpolation < 1):
            raise ValueError("`lora` with a moving average or `weight_interpolation`: the average of LoRA's matrices "
                             "is not that of what they do\n  fix: average = 0.0, and weight_interpolation = 1.0")
        return self

    @model_validator(mode="after")
    def _pictures_alone(self) -> Self:
        """What else noise can be belongs to rollouts."""
        told = self.augment
        if told is None:
            return self
        if told.action or told.curriculum or "draw" in told.model_fields_set:
            raise ValueError("`augment` with `action`, `draw` or `curriculum`: it is of pictures alone, drawn for "
                             "each, and stays\n  fix: leave them out; `noise` is that on demonstrated actions")
        if not told.observation or told.clean == 1:
            raise ValueError("`augment` perturbs nothing: observation = 0 or clean = 1"
                             "\n  fix: augment = { observation = 1.0 }, the published settings")
        return self

    @model_validator(mode="after")
    def _something_to_learn(self) -> Self:
        """What follows from the options alone: demonstrations take hours."""
        if not self.cloning and not self.objectives and self.points == 0 and self.pixels == 0:
            raise ValueError("cloning = 0 and no objective: there is nothing to learn"
                             "\n  fix: objectives = { consistency = {} }, or another one")
        for name, asks in (("consistency", "consistency" in self.objectives),
                           ("weight_interpolation", self.weight_interpolation < 1)):
            if asks and self.init is None:
                raise ValueError(f"`{name}` without `init`: a policy that knows nothing is nothing to hold on to"
                                 f"\n  fix: init = \"nano-sft\", or another policy to go on from")
        return self

    def own(self) -> Mapping[str, str]:
        """Where things are is a term where `points` and `pixels` are not both 0."""
        locating = self._locating.points or self._locating.pixels
        return {**({"action": "the expert's actions"} if self.cloning else {}),
                **({"locating": "`points` and `pixels`"} if locating else {})}

    def summed(self, policy: TrainablePolicy) -> dict[str, Objective]:
        """The terms of the loss, by name. Raises CardError for one that the policy cannot give."""
        terms: dict[str, Objective] = {}
        if self.cloning:
            terms["action"] = Cloning(CloningOptions(sigma=self.sigma, weight=self.cloning))
        if "locating" in self.own() and (self.points or self.pixels or Locating.reads <= policy.auxiliary):
            terms["locating"] = Locating(self._locating)
            if self.augment is not None and self._locating.pixels and {"shift", "rotation"} & {*self.augment.kinds}:
                raise CardError("training.options.augment: shift and rotation move what `pixels` says where it is\n"
                                "  fix: pixels = 0.0, or augment.kinds without these")
        terms |= base.made(self.objectives)
        if not terms:
            raise CardError("training.options: cloning = 0, no objective and no points: there is nothing to learn\n"
                            "  fix: objectives = { consistency = {} }, or another one")
        base.check(terms, policy)
        return terms

    @property
    def _locating(self) -> LocatingOptions:
        return LocatingOptions(**{name: weight for name, weight in (("points", self.points), ("pixels", self.pixels))
                                  if weight is not None})
