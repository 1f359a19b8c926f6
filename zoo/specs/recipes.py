"""Recipes: how a model is trained, as phases in order."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from zoo.specs.words import NamedSpec, Slug, Spec

Place = Annotated[str, StringConstraints(pattern=r"^[^\s/]+(/[^\s/]+)*$")]
"""The name of a stage or of a layer; of one inside another the names from the outermost inward, with slashes."""


HEAD_STAGE = "head"
"""What rates and receipts call everything behind the base."""


_OF_CONVEX = {"name", "solver", "class_weight", "views"}
"""Fields that mean something to a phase that is solved rather than descended."""


class PhaseSpec(Spec):
    """One phase of a recipe. Public name: `zoo.Phase`."""

    name: Slug = Field(description="unique within the recipe")
    solver: Literal["convex", "gradient"] = Field(
        default="gradient",
        description="convex: the head solved exactly on features; gradient: minibatch descent",
    )
    unfreeze: int | Literal["all", "each", "chosen", "last"] | tuple[Place, ...] = Field(
        default=0,
        description="what trains beside the head: how many stages, counted from the top; all; stages and layers by "
        "name (of a layer inside another: outer/inner); last: the one last layer with weights; "
        "each: as many phases as there are stages, from the top, each with one stage more; "
        "chosen: the one stage of largest relative gradient, which is found when the phase starts",
    )
    lora: int = Field(
        default=0,
        ge=0,
        description="rank of the updates that dense and convolution layers learn in place of their kernels (LoRA, Hu "
        "et al. 2021, arXiv 2106.09685), biases and norms frozen, added to the kernels at the end of the phase; 0: "
        "weights train themselves. Such a phase is begun again when a run is resumed within it",
    )
    batchnorm: Literal["frozen", "adapt", "train"] = Field(
        default="frozen",
        description="frozen: not a bit of it moves; adapt: in stages that train, a pretrained BatchNorm learns and "
        "moves its statistics; train: the same for a base without pretrained weights",
    )
    epochs: int = Field(default=0, ge=0, description="passes over the training data (gradient; or steps)")
    steps: int | None = Field(default=None, gt=0, description="batches to train on, in place of epochs")
    batch_size: Annotated[int, Field(gt=0)] | Literal["all"] = Field(
        default=32, description="examples per step; all: the whole training part, one step an epoch"
    )
    loss: Literal["crossentropy", "focal", "mse", "mae", "huber"] | None = Field(
        default=None,
        description="what descent makes small; none: crossentropy for classes and labels, mse (in standard deviations "
        "of the targets) for values, mae for boxes. focal: crossentropy that counts what is right already less (Lin et "
        "al. 2017, arXiv 1708.02002, gamma 2); mse for classes and labels: the squared error of probabilities",
    )
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"] = Field(default="adam", description="how weights move")
    momentum: float = Field(default=0.0, ge=0, lt=1, description="of sgd")
    weight_decay: float = Field(default=0.0, ge=0, description="decoupled from the gradient (adamw, sgd), per step")
    clip: float | None = Field(default=1.0, gt=0, description="largest norm of all gradients together; none: no limit")
    learning_rate: float = Field(default=1e-3, gt=0, allow_inf_nan=False, description="peak learning rate")
    schedule: Literal["cosine", "one-cycle", "steps", "constant"] = Field(
        default="cosine",
        description="cosine: down to 0; one-cycle: up from 1/25 of the peak and down to 1/100000 (Smith 2018, arXiv "
        "1803.09820, with the numbers of fastai); steps: times step_factor at each of step_at; constant",
    )
    warmup: float = Field(default=0.1, ge=0, le=1, description="share of the steps with a rising learning rate")
    step_at: tuple[float, ...] = Field(default=(0.5, 0.75), description="shares of the steps (schedule steps)")
    step_factor: float = Field(default=0.1, gt=0, lt=1, description="factor at each of them (schedule steps)")
    stage_rates: dict[Slug, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default_factory=dict,
        description="stage, or head -> factor on the learning rate; 1 for those not named",
    )
    stage_decay: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="factor on the learning rate from the head to the top stage, and from each stage to the one below",
    )
    mixup: float = Field(
        default=0.0, ge=0, description="alpha of mixup (Zhang et al. 2018, arXiv 1710.09412); 0: none. Classification"
    )
    cutmix: float = Field(
        default=0.0, ge=0, description="alpha of cutmix (Yun et al. 2019, arXiv 1905.04899); 0: none. Classification"
    )
    label_smoothing: float = Field(
        default=0.0, ge=0, lt=1, description="share of the label spread over all classes. Classification"
    )
    class_weight: Literal["balanced"] | dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] | None = Field(
        default=None, description="label -> weight in the loss, or balanced: inverse to how often it occurs"
    )
    monitor: str = Field(default="val_loss", description="what patience and keep go by: a name in the history")
    patience: int | None = Field(
        default=None, gt=0, description="stop after so many epochs without a better value of monitor; none: never"
    )
    stop_at: dict[str, Annotated[float, Field(allow_inf_nan=False)]] = Field(
        default_factory=dict,
        description="name in the history -> value at which to stop: accuracies at or above it, losses and errors at or "
        "below; all of them must be reached, at the end of an epoch",
    )
    keep: Literal["last", "best"] | None = Field(
        default=None,
        description="the weights of which epoch are kept; best: those from before the phase are a candidate too, where "
        "the head was trained then; none: best for a phase that fine-tunes while examples are held out, else last",
    )
    views: int = Field(
        default=0,
        ge=0,
        description="views of each image, the plain one and augmented ones, whose features are computed once and kept; "
        "0: augmentation is drawn anew in every epoch",
    )
    augment_in: Literal["pipeline", "graph", "none"] = Field(
        default="pipeline",
        description="where the augmentation of the model runs. pipeline: on the CPU, ahead of the training step; "
        "graph: in the training step, on its device; none: this phase goes without",
    )

    @model_validator(mode="after")
    def _nothing_contradicts(self) -> PhaseSpec:
        problem = self._contradiction()
        if problem:
            raise ValueError(f"phase {self.name!r}: {problem}")
        return self

    def _contradiction(self) -> str:
        if self.solver == "convex":
            return self._useless_to_convex()
        return self._in_what_trains() or self._in_rates() or self._in_schedule() or self._in_augmentation()

    def _useless_to_convex(self) -> str:
        fields = type(self).model_fields
        useless = [
            name
            for name in sorted(self.model_fields_set - _OF_CONVEX)
            if getattr(self, name) != fields[name].get_default(call_default_factory=True)
        ]
        return f"a convex phase is solved exactly and has no use for {', '.join(useless)}" if useless else ""

    def _in_what_trains(self) -> str:
        if bool(self.epochs) == bool(self.steps):
            return "a gradient phase needs at least one epoch: either epochs or steps, and not both"
        if isinstance(self.unfreeze, int) and self.unfreeze < 0:
            return "unfreeze counts stages from the top, from 0"
        if isinstance(self.unfreeze, tuple) and len(set(self.unfreeze)) < len(self.unfreeze):
            return "unfreeze names a stage or layer twice"
        if self.lora and (not self.unfreeze or self.batchnorm != "frozen"):
            return "lora is how layers of the base train: set unfreeze, and leave batchnorm frozen"
        if self.batchnorm == "adapt" and not self.unfreeze:
            return "batchnorm='adapt' is about stages that train, and unfreeze names none"
        if self.batchnorm == "train" and self.unfreeze != "all":
            return "batchnorm='train' is for a base that learns from random weights: unfreeze='all'"
        return ""

    def _in_rates(self) -> str:
        if self.momentum and self.optimizer not in ("sgd", "rmsprop"):
            return f"momentum is for sgd and rmsprop; {self.optimizer} has its own"
        if self.weight_decay and self.optimizer not in ("adamw", "sgd"):
            return f"weight_decay is for adamw and sgd; got optimizer={self.optimizer!r}"
        if self.stage_rates and self.stage_decay is not None:
            return "stage_rates and stage_decay both say the learning rate of a stage: keep one"
        return self._in_names_of_stages() or self._in_rates_of_stages()

    def _in_names_of_stages(self) -> str:
        if not isinstance(self.unfreeze, tuple):
            return ""
        if HEAD_STAGE in self.unfreeze:
            return "the head trains in every phase; unfreeze names stages of the base"
        idle = [name for name in self.stage_rates if name not in (*self.unfreeze, HEAD_STAGE)]
        return f"stage_rates names {', '.join(idle)}, which unfreeze does not" if idle else ""

    def _in_rates_of_stages(self) -> str:
        if (self.stage_decay is not None or set(self.stage_rates) - {HEAD_STAGE}) and not self.unfreeze:
            return "a learning rate for each stage needs stages that train: set unfreeze"
        return ""

    def _in_schedule(self) -> str:
        if any(not 0 < share < 1 for share in self.step_at) or list(self.step_at) != sorted(set(self.step_at)):
            return "step_at are rising shares between 0 and 1"
        if self.schedule != "steps" and {"step_at", "step_factor"} & self.model_fields_set and self._steps_changed():
            return f"step_at and step_factor are for schedule='steps'; got {self.schedule!r}"
        return ""

    def _in_augmentation(self) -> str:
        if self.views and (self.mixup or self.cutmix):
            return "views keep features of images; mixup and cutmix blend the images anew in every epoch"
        if self.views and self.augment_in != "pipeline":
            return f"views keep features of images augmented in the pipeline; got augment_in={self.augment_in!r}"
        if self.augment_in == "graph" and (self.mixup or self.cutmix):
            return "mixup and cutmix blend augmented images in the pipeline; augment_in='graph' would come too late"
        return ""

    def _steps_changed(self) -> bool:
        fields = type(self).model_fields
        return (self.step_at, self.step_factor) != (fields["step_at"].default, fields["step_factor"].default)


class RecipeSpec(NamedSpec):
    """How a model is trained: phases in order. Public name: `zoo.Recipe`.

    `RecipeSpec([phase, phase])` will do; a name is for those that are listed.
    """

    name: Slug = Field(default="own", description="the name users write; unique within its plugin")
    phases: tuple[PhaseSpec, ...] = Field(min_length=1, description="what is done, in order")
    source: str = Field(default="", description="where the recipe comes from: paper or course")

    def __init__(self, phases: Any = (), /, **fields: Any) -> None:
        super().__init__(**({"phases": tuple(phases)} if phases else {}), **fields)

    @model_validator(mode="after")
    def _names_differ(self) -> RecipeSpec:
        names = [phase.name for phase in self.phases]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two phases are called {', '.join(twice)}")
        return self


Phase, Recipe = PhaseSpec, RecipeSpec
"""Their public names."""
