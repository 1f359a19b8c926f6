"""Composes a base and a head into a model: who they are, how examples become inputs, and the graphs."""

from __future__ import annotations

from zoo.compose.bases import Base, BuildRequest, base_of
from zoo.compose.composition import Composition
from zoo.compose.graphs import wire, wire_classifier
from zoo.compose.heads import HeadChoice, choose_head
from zoo.compose.other_bases import base_of_modality, own_base_of_modality, own_kind
from zoo.compose.repositories import of_repository
from zoo.compose.shipped import trained_record
from zoo.data.modalities import assumed, kind_of
from zoo.errors import OptionError
from zoo.head_request import Restriction
from zoo.modality import Intake
from zoo.plugin import registry
from zoo.registry import Entry
from zoo.specs import Preprocessing, ResizeRule, TrainedHead
from zoo.tasks import of
from zoo.weights.folders import is_folder_address


def compose(request: BuildRequest) -> tuple[Composition, TrainedHead | None]:
    """Build base and head and wire them up.

    Args:
        request: what is asked for.

    Returns:
        The composition with a fresh head, and the record of the head's shipped weights if some fit this base.

    Raises:
        UnknownNameError: a name nobody provides.
        WeightsError: weights that are missing, damaged or do not fit.
        OptionError: arguments that do not go together.
    """
    from zoo.architectures.backends import check_backend
    from zoo.architectures.precision import check_precision, policy

    check_backend()
    request = of_repository(request)
    only = request.head if isinstance(request.head, Restriction) else None
    choice = None if only is not None else choose_head(request.head)
    with policy(request.precision) as computes:
        reads = None if choice is None else choice.reads
        other = _of_an_intake(request)
        if other is not None:
            base = base_of_modality(request, other, reads=reads)
        elif (kind := own_kind(request)) is not None:
            base = own_base_of_modality(request, kind, reads=reads)
        else:
            base = base_of(request, reads=reads)
        if base.spec is None and request.precision is not None:
            check_precision(base.network, request.precision)
        trained = trained_record(choice, base) if request.resize is None and base.intake is None else None
        intake = _intake(request, base, trained, choice)
        if choice is not None:
            return wire(base, choice, intake, precision=computes, seed=request.seed), trained
        return wire_classifier(base, intake, precision=computes, only=only), trained


def _of_an_intake(request: BuildRequest) -> Entry | None:
    """The entry of a named backbone that is built for an intake, not for a size."""
    if not isinstance(request.backbone, str) or is_folder_address(request.backbone):
        return None
    entry = registry().get("backbones", request.backbone)
    return None if entry.spec.sized else entry


def _intake(request: BuildRequest, base: Base, trained: TrainedHead | None, choice: HeadChoice | None) -> Intake:
    """How examples become inputs: as the base says, else pictures by a rule of resizing."""
    if base.intake is None:
        rule = _resize_rule(request.resize, base.preprocessing, trained, choice)
        kind = kind_of(assumed() if base.spec is None else base.spec.modality)
        return kind.fit((), {"size": base.input_size, "rule": rule, "channels": base.channels})
    if choice is not None and _is_a_place(choice):
        raise OptionError(f"a head with a box is for images; {base.backbone} takes examples of {base.intake.kind!r}")
    return base.intake


def _is_a_place(choice: HeadChoice) -> bool:
    """Whether an answer is a place on the picture."""
    return any(of(output).are_places for output in choice.outputs)


def _stretched(request: ResizeRule | str | None) -> ResizeRule | str:
    """The rule asked for of a model that answers with a box; None: the one that it takes.

    Raises:
        OptionError: it is another one.
    """
    mode = request.mode if isinstance(request, ResizeRule) else request or "stretch"
    if mode != "stretch":
        raise OptionError(f"a head with a box needs resize='stretch': with {request!r} boxes would not fit the picture")
    return "stretch" if request is None else request


def _resize_rule(
    request: ResizeRule | str | None,
    preprocessing: Preprocessing,
    trained: TrainedHead | None,
    choice: HeadChoice | None,
) -> ResizeRule:
    """The rule that turns pictures into inputs.

    The published rule of a backbone cuts off the borders (crop fraction 0.875), which suits its own classifier and
    the photos it was measured on; a new head sees the whole shorter side, since there may be something there. A box
    is given as shares of the whole picture, which only stretching leaves as they are.
    """
    if choice is not None and _is_a_place(choice):
        request = _stretched(request)
    if isinstance(request, ResizeRule):
        return request
    if request is not None:
        if request not in ("crop", "stretch", "pad"):
            raise OptionError(f"resize= takes 'crop', 'stretch', 'pad' or a zoo.specs.ResizeRule; got {request!r}")
        return ResizeRule(mode=request, interpolation=preprocessing.resize.interpolation)
    if trained is not None:
        return trained.resize
    if choice is None:
        return preprocessing.resize
    return ResizeRule(mode="crop", crop_fraction=1.0, interpolation=preprocessing.resize.interpolation)
