"""The record: what was done. `run.json` is exactly `RunRecord`, `zoo.json` in a saved model exactly `ModelRecord`.

Frozen data only, as the rest of the vocabulary. Everything that reads a run (report, comparison, receipts, card,
export, command line) reads these types. This module imports pydantic and the standard library only.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any, Literal, Self

from pydantic import Field, field_serializer, field_validator

from zoo.specs import Output, RecipeSpec, Spec

RUN_SCHEMA: Literal[2] = 2
"""Version of `run.json`; a file of another version is not read."""

MODEL_SCHEMA: Literal[2] = 2
"""Version of `zoo.json` in a saved model; a file of another version is not read."""

RunState = Literal["running", "finished", "interrupted", "diverged", "failed"]


class Record(Spec):
    """Base of records: frozen data that is changed by making a new one."""

    def changed(self, **changes: Any) -> Self:
        """Return a copy with other values, checked like any record.

        Args:
            **changes: field -> new value.
        """
        return type(self).model_validate({**{name: getattr(self, name) for name in type(self).model_fields}, **changes})

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON can hold it."""
        return self.model_dump(mode="json")


class Identity(Record):
    """Who a model is: its base, its weights and its head."""

    backbone: str = Field(description="`plugin:name`, or the name of the caller's Keras model")
    provider: str = Field(description="distribution and version of the backbone's plugin, in words")
    weights: str | None = Field(
        description="id of the weight source, file name, `given`, `scratch`, `fixed` (nothing trains); none: random"
    )
    weights_sha256: str | None = Field(default=None, description="of the weight file, 64 hexadecimal digits")
    features: str = Field(description="what the head reads: a pooling, a stage or a layer")
    code: str | None = Field(default=None, description="SavedModel whose code the base runs, by trust=True of the user")
    options: dict[str, Any] = Field(default={}, description="options of the backbone that are not those of its row")
    precision: str = Field(default="float32", description="dtype policy that base and head compute in")
    head: str | None = Field(default=None, description="`plugin:name` or the Keras layer; none: pretrained classifier")
    head_provider: str | None = Field(default=None, description="distribution and version of the head's plugin")
    head_options: dict[str, Any] = Field(default={}, description="options the head was built with")
    portable: bool = Field(default=True, description="built from Keras layers and ops only")
    cuts: tuple[str, ...] = Field(default=(), description="layers that end a stage, where the row declares them")
    prefix_tokens: int = Field(default=0, description="tokens of the base in front of those of the patches")
    restricted: dict[str, tuple[int, ...]] | None = Field(
        default=None, description="class -> outputs of the pretrained classifier that mean it, where it was limited"
    )


class ProviderRow(Record):
    """One thing that a plugin provided for a model."""

    kind: str = Field(description="backbones, heads, datasets, recipes, preprocessing, ...")
    id: str = Field(description="`plugin:name`")
    plugin: str = Field(description="name of the entry point")
    distribution: str = Field(description="the package that brings the plugin")
    version: str = Field(description="its version")
    target: str | None = Field(default=None, description="import string of its code; none where there is none")
    portable: bool | None = Field(default=None, description="Keras layers only; none where nothing is in the model")


class OpRecord(Record):
    """One random change while training."""

    name: str = Field(description="of the augmentation, or of the Keras layer or function")
    provider: str = Field(description="plugin, `keras` or `user`")
    options: dict[str, Any] = Field(default={}, description="as JSON can hold them")


class CallbackRecord(Record):
    """One Keras callback of a run."""

    name: str = Field(description="its class")
    saved_as: str | None = Field(
        default=None, description="how its state is saved: `own`, or a class of Keras; none: not at all"
    )


class HeldOutData(Record):
    """Data of its own that was held out."""

    source: str | None = Field(
        default=None, description="path or name by which it is loaded, or column and cells; none: given as arrays"
    )


class DataSource(Record):
    """What a run was trained on."""

    source: str | None = Field(default=None, description="path or name by which it is loaded; none: given as arrays")
    fingerprint: str = Field(description="sha256 over content, answer and group of every example in order")


class Plan(Record):
    """All that decides the numbers of a run. Its sha256 ties checkpoints to the run."""

    recipe: RecipeSpec = Field(description="as used, resolved on the base")
    recipe_providers: tuple[ProviderRow, ...] = Field(default=(), description="where the recipe came from")
    seed: int = Field(ge=0, description="of the split, the order, augmentation and the solver")
    data: DataSource = Field(description="what was trained on")
    validation: int | float | HeldOutData = Field(description="share, number, or data of its own")
    test: int | float | HeldOutData = Field(description="the same for the part that judges")
    group: str | None = Field(default=None, description="column or `folder` whose examples a split keeps together")
    class_weight: Literal["balanced"] | dict[int, float] | None = Field(
        default=None, description="class index -> weight in the loss"
    )
    augmentation: tuple[OpRecord, ...] = Field(default=(), description="random changes while training, in order")
    callbacks: tuple[CallbackRecord, ...] = Field(default=(), description="Keras callbacks, in order")
    cache: bool = Field(description="whether features are looked up and kept")
    cached_prefix: bool | None = Field(
        default=None, description="whether outputs of frozen stages are kept; none: where that pays"
    )
    continues: bool = Field(default=False, description="whether the head starts from weights trained before")
    model: Identity = Field(description="what is trained")
    intake: dict[str, Any] = Field(default={}, description="how examples become inputs, fitted on the training part")
    devices: tuple[str, ...] | None = Field(default=None, description="of the strategy; none without one")
    environment: dict[str, str] = Field(default={}, description="versions and settings that decide the bits")

    @property
    def sha256(self) -> str:
        """Return the digest of everything in it, as 64 hexadecimal digits."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()


class ReceiptRow(Record):
    """What became of one part of one stage in one phase."""

    stage: str = Field(description="a stage of the base, `stage/layer` where single layers train, or `head`")
    part: Literal["weights", "batchnorm"] = Field(description="which of its weights")
    trains: bool = Field(description="whether it was to move")
    before: str = Field(description="sha256 of all its weights before the phase")
    after: str = Field(description="the same after the phase")


class KeptEpoch(Record):
    """Which weights of a phase were kept, and what they were judged by."""

    monitor: str = Field(description="a name in the history, such as val_loss")
    kept_epoch: int | None = Field(
        description="number within the phase, from 1; 0: from before it; none: none measured"
    )
    value_before: float | None = Field(
        default=None, description="of the monitor before the phase, where it was trained"
    )
    value_kept: float | None = Field(default=None, description="of the monitor, for the weights that were kept")


class PhaseReport(Record):
    """What one phase did."""

    name: str = Field(description="of the phase; `features` for the pass that computed them")
    seconds: float = Field(description="wall time")
    solver: Literal["convex", "gradient"] | None = Field(default=None, description="none for the features pass")
    images: int | None = Field(default=None, description="examples with features")
    computed: int | None = Field(default=None, description="examples that went through the network, not the cache")
    views: int | None = Field(default=None, description="views of each example, where there are several")
    kept: str | None = Field(default=None, description="size of what was kept, for a head that reads maps")
    epochs: int | None = Field(default=None, description="that the phase was to have")
    epochs_done: int | None = Field(default=None, description="that it had")
    optimizer: str | None = Field(default=None, description="of the gradient phase")
    learning_rate: float | None = Field(default=None, description="its peak")
    batch_size: int | Literal["all"] | None = Field(default=None, description="examples in a step")
    stages: tuple[str, ...] | None = Field(default=None, description="stages of the base that trained")
    lora: int | None = Field(default=None, description="rank of the updates that layers learned; none: their weights")
    batchnorm: str | None = Field(default=None, description="frozen, adapt or train, in the stages that trained")
    augment_in: str | None = Field(default=None, description="where augmentation ran")
    cached_prefix: str | None = Field(default=None, description="last stage whose outputs were kept")
    cached_prefix_reason: str | None = Field(default=None, description="why it was, or was not, used")
    cached_prefix_seconds: float | None = Field(default=None, description="wall time to compute or read the outputs")
    cached_prefix_computed: int | None = Field(default=None, description="examples computed for it")
    solution: dict[str, Any] = Field(default={}, description="what the exact solver chose; for several answers by name")
    best: KeptEpoch | None = Field(default=None, description="which epoch was kept; none: the last")
    relative_gradients: dict[str, float] | None = Field(default=None, description="what the choice of a stage went by")
    receipts: tuple[ReceiptRow, ...] = Field(default=(), description="what moved and what did not")

    @property
    def went_back(self) -> bool:
        """Return whether no epoch was better than what was there before, so that this was kept."""
        return self.best is not None and self.best.kept_epoch == 0

    def as_row(self) -> dict[str, Any]:
        """Return what there is to say as one flat mapping, without what does not apply."""
        row = self.model_dump(mode="json", exclude={"solution"}, exclude_defaults=True)
        if self.cached_prefix_reason is not None:
            row["cached_prefix"] = self.cached_prefix
        if self.solver == "gradient":
            row["stages"] = list(self.stages or ())
        row.setdefault("receipts", [])
        if self.solver is None:
            del row["receipts"]
        return {**row, **self.solution}


class BestEpoch(Record):
    """The best checkpoint so far."""

    value: float = Field(description="of the measure")
    measure: str = Field(description="a name in the history")
    epoch: int = Field(description="number of the epoch, from 1")
    name: str = Field(description="folder of the checkpoint")


class Progress(Record):
    """Where a run is, as of its last checkpoint."""

    phase: int = Field(description="index of the phase")
    epoch: int = Field(description="number of the epoch, from 0")
    batch: int = Field(description="batches of that epoch that are done")
    checkpoint: str = Field(description="folder of the checkpoint")
    history: dict[str, list[float]] = Field(default={}, description="metric -> value per epoch, so far")
    best: BestEpoch | None = Field(default=None, description="the best epoch so far")


class StartFile(Record):
    """The model that a run started from."""

    file: str = Field(description="name of the file in the run's folder")
    sha256: str = Field(description="of the file")


class SkippedExample(Record):
    """An example that could not be read."""

    id: str = Field(description="its name")
    reason: str = Field(description="why")


class DataFacts(Record):
    """What the data came to."""

    name: str = Field(description="what reports call it")
    fingerprint: str = Field(description="sha256 over content, answer and group of every example in order")
    train: int = Field(description="examples trained on")
    validation: int = Field(description="examples held out to choose")
    test: int = Field(description="examples held out to judge")
    skipped: tuple[SkippedExample, ...] = Field(default=(), description="examples that could not be read")


class Parameters(Record):
    """Weights of a model, counted."""

    total: int = Field(description="all, moving statistics included")
    trained: int = Field(description="those that the run trained")


class YardstickRow(Record):
    """A simple model on the same examples, measured beside the network."""

    name: str = Field(description="what it is")
    figures: dict[str, float] = Field(description="part (validation, test) -> the main figure of the task")
    seconds: float = Field(description="wall time to fit it")


class Beside(Record):
    """What simple models make of the same examples, and what the network owes to each part of them."""

    measure: str = Field(description="the main figure: a name in the history, such as accuracy or mae")
    larger_is_better: bool = Field(description="of the measure")
    network: dict[str, float] = Field(description="part -> the figure of the network")
    yardsticks: tuple[YardstickRow, ...] = Field(default=(), description="simple models")
    importance: dict[str, float] = Field(
        default={}, description="part of an example -> how much worse the figure gets when it is shuffled"
    )
    importance_of: int = Field(default=0, description="examples that were shuffled")

    def sentence(self) -> str:
        """Return the figures side by side, on the part that judges where there is one."""
        part = "test" if "test" in self.network else "validation"
        rows = [("network", self.network[part]), *((row.name, row.figures[part]) for row in self.yardsticks)]
        shown = ", ".join(f"{name} {value:,.4g}" if value < 1000 else f"{name} {value:,.0f}" for name, value in rows)
        return f"{self.measure} on the {part} examples: {shown}"


class Results(Record):
    """What a finished run came to."""

    data: DataFacts
    validation: dict[str, Any] | None = Field(default=None, description="figures on the part that chooses")
    test: dict[str, Any] | None = Field(default=None, description="figures on the part that judges")
    beside: Beside | None = Field(default=None, description="simple models beside the network, where there are any")
    lint: dict[str, Any] | None = Field(default=None, description="what the look at the data found")
    labels: tuple[str, ...] = Field(default=(), description="names of the outputs, in order")
    intake: dict[str, Any] = Field(description="how examples become inputs; see the modality of its kind")
    parameters: Parameters
    providers: tuple[ProviderRow, ...] = Field(default=(), description="everything plugins provided")
    batchnorm_adapted: tuple[str, ...] = Field(default=(), description="stages whose BatchNorm moved")
    versions: dict[str, str] = Field(default={}, description="of what decides the numbers")


class RunRecord(Record):
    """A training run: what was planned, where it is, and what came out. The content of `run.json`."""

    schema_version: Literal[2] = Field(default=RUN_SCHEMA, description="version of this record")
    zoo: str = Field(description="version of zoo that wrote it")
    state: RunState = Field(description="where the run stands")
    started: str = Field(description="when it began, UTC, ISO 8601")
    plan: Plan
    plan_sha256: str = Field(description="digest of the plan, in every checkpoint too")
    start: StartFile | None = Field(default=None, description="while the run can go on")
    progress: Progress | None = Field(default=None, description="while the run can go on")
    error: str | None = Field(default=None, description="what ended a run that failed")
    notices: tuple[str, ...] = Field(default=(), description="what the user should know")
    reasons: tuple[str, ...] = Field(default=(), description="why this recipe was chosen; empty when it was named")
    phases: tuple[PhaseReport, ...] = Field(default=(), description="what each phase did")
    history: dict[str, list[float]] = Field(default={}, description="metric -> value per epoch, over all phases")
    results: Results | None = Field(default=None, description="of a finished run")

    @field_validator("history", mode="before")
    @classmethod
    def _with_nan(cls, history: Any) -> Any:
        """JSON has no NaN: what was not measured in an epoch is null there."""
        if not isinstance(history, dict):
            return history
        return {
            name: [math.nan if value is None else value for value in values] if isinstance(values, list) else values
            for name, values in history.items()
        }

    @field_serializer("history", when_used="json")
    def _without_nan(self, history: dict[str, list[float]]) -> dict[str, list[float | None]]:
        return {name: [None if math.isnan(value) else value for value in values] for name, values in history.items()}


class ModelRecord(Record):
    """What a saved model says of itself: the content of `zoo.json`."""

    schema_version: Literal[2] = Field(default=MODEL_SCHEMA, description="version of this record")
    zoo: str = Field(description="version of zoo that wrote it")
    outputs: tuple[Output, ...] = Field(description="the answers: name, task, labels")
    intake: dict[str, Any] = Field(description="how examples become inputs; see the modality of its kind")
    identity: Identity
    head_state: Literal["untrained", "pretrained", "fitted"] = Field(description="where the head's weights come from")
    batchnorm: dict[str, str] = Field(default={}, description="BatchNorm layer of the base -> sha256")
    batchnorm_adapted: tuple[str, ...] = Field(default=(), description="stages whose BatchNorm moved")
    versions: dict[str, str] = Field(default={}, description="of what decides the numbers")
    training_files: tuple[str, ...] = Field(default=(), description="beginnings of the sha256 of what was trained on")
    augment: tuple[str, ...] = Field(default=(), description="names of random changes while training")
    providers: tuple[ProviderRow, ...] = Field(default=(), description="everything plugins provided")
    code: tuple[dict[str, Any], ...] = Field(default=(), description="modules beside Keras that loading needs")
