"""registry.json and layers.json say of each network what the network itself says."""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

import pytest
from backbone_case import CATALOG, ROOT, SMALLEST, SPECS, by_cost, edges, free

from zoo.architectures import Stage, find_stages
from zoo.architectures.facts import facts, multiply_adds

sys.path.insert(0, str(ROOT))
from tools import build_registry

LAYERS = json.loads((ROOT / "layers.json").read_text(encoding="utf-8"))
CURATED = {backbone.name: backbone for backbone in build_registry.BACKBONES}

# Multiply-adds with classifier at the default size, counted by another program on Keras 3.15.1.
MULTIPLY_ADDS = {
    "VGG16": 15_470_264_320,
    "EfficientNetB0": 385_814_752,
    "MobileNet": 568_740_352,
    "MobileNetV3Small": 56_510_400,
    "NASNetMobile": 563_638_816,
}


@pytest.mark.parametrize(
    "name",
    by_cost(
        SPECS, quick=[name for name in SMALLEST.values() if SPECS[name].layers.total < 250 and SPECS[name].params < 3e7]
    ),
)
def test_a_row_says_what_the_network_says(name: str) -> None:
    """One build for all that can be asked of it: computed fields, layer table, stages and cuts."""
    base, table = build_registry.build_base(CURATED[name])
    computed = facts(base, cuts=SPECS[name].cuts)
    del computed["params_top"]  # in the slow test below
    row = SPECS[name].model_dump(mode="json")
    assert {key: row[key] for key in computed} == computed
    assert LAYERS[name] == table

    assert all(type(layer).__module__.startswith("keras.") for layer in base.layers) == SPECS[name].portable

    stages = find_stages(base, SPECS[name].cuts)
    reads = defaultdict(set)  # reader -> what it reads, by name, from the public configuration
    for source, reader in edges(base):
        reads[reader].add(source)
    assert_stages_divide_the_layers(stages, base, last_stride=_last_stride(name))
    assert_first_stages_are_closed(stages, reads)
    assert_nothing_leads_around_a_cut(stages, base, reads)
    without = [stage.name for stage in stages if stage.cut is None]
    assert without == (["stage1", "stage2", "stage3"] if name.startswith("nasnet") else [])


def _last_stride(name: str) -> int:
    """Pixels to a cell of the last map: 32, but for SqueezeNet; of a network of tokens the side of a patch."""
    spec = SPECS[name]
    if spec.output == "tokens":
        return int(spec.input.multiple_of)
    return 16 if name == "squeezenet" else 32


def assert_stages_divide_the_layers(stages: list[Stage], base: Any, last_stride: int) -> None:
    inside = Counter(layer.name for stage in stages for layer in stage.layers)
    assert inside == Counter(layer.name for layer in base.layers)
    assert [stage.name for stage in stages] == ["stem", *(f"stage{n}" for n in range(1, len(stages)))]
    assert all(sum(layer.count_params() for layer in stage.layers) for stage in stages)
    strides = [stage.stride for stage in stages]
    assert strides == sorted(strides)
    assert strides[-1] == last_stride


def assert_first_stages_are_closed(stages: list[Stage], reads: dict[str, set[str]]) -> None:
    """No layer reads from a later stage, so freezing the first stages freezes a closed part of the graph."""
    number = {layer.name: index for index, stage in enumerate(stages) for layer in stage.layers}
    for reader in number:
        waiting, seen = list(reads[reader]), set()
        while waiting:  # operations such as a + b are no layers: look through them
            source = waiting.pop()
            if source in number:
                assert number[source] <= number[reader], (reader, source)
            elif source not in seen:
                seen.add(source)
                waiting.extend(reads[source])


def assert_nothing_leads_around_a_cut(stages: list[Stage], base: Any, reads: dict[str, set[str]]) -> None:
    start, end = (tensor._keras_history.operation.name for tensor in (base.input, base.output))
    later: set[str] = set()
    for stage, above in reversed(list(pairwise(stages))):
        later |= {layer.name for layer in above.layers}
        if stage.cut is None:
            continue
        reached, waiting = {end}, [end]
        while waiting:
            for source in reads[waiting.pop()] - reached - {stage.cut.name}:
                reached.add(source)
                waiting.append(source)
        assert start not in reached
        # All that the end reads without passing the cut is the later stages, no more and no less.
        assert {layer.name for layer in base.layers} & reached == later


APPLICATIONS = [name for name, spec in SPECS.items() if spec.summary.startswith("keras.applications.")]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_the_classifier_and_its_file_are_those_of_keras(name: str) -> None:
    """The others are compared where the network is built anyway, in test_keras_parity: at any size, but for VGG."""
    model, told = build_registry.keras_application(CURATED[name], include_top=True)
    assert model.count_params() == SPECS[name].params_top
    (source,) = [source for source in SPECS[name].weights if source.id == told["id"]]
    written = source.model_dump(mode="json")
    assert {key: written[key] for key in told} == told
    free()


@pytest.mark.parametrize("name", by_cost(name for name in SPECS if SPECS[name].params_top and name not in APPLICATIONS))
def test_parameters_with_classifier_are_those_of_the_network(name: str) -> None:
    assert build_registry.build(CURATED[name], include_top=True).count_params() == SPECS[name].params_top


def test_the_catalog_is_whole() -> None:
    import keras

    applications = {name for name in vars(keras.applications) if name[0].isupper()}
    built = {backbone.application for backbone in CURATED.values()} - {None}
    assert len(applications) == 40
    assert built == applications
    assert len(SPECS) == 116
    assert set(LAYERS) == set(SPECS)
    names = [name for spec in SPECS.values() for name in (spec.name, *spec.aliases)]
    assert len(names) == len(set(names))


def test_every_row_has_a_license_a_paper_and_sources() -> None:
    for spec in SPECS.values():
        assert "https://" in spec.paper
        assert spec.preprocessing.source
        assert spec.weights
        assert len({source.id for source in spec.weights}) == len(spec.weights)
        for source in spec.weights:
            assert source.license
            assert source.license_source
        assert all(figure.source for figure in spec.accuracy)
        # Nobody published a figure of a network without its classifier.
        assert spec.accuracy or spec.params_top is None


def test_the_label_set_is_the_one_of_keras() -> None:
    (labels,) = CATALOG.contributes.label_sets
    assert labels.name == "imagenet1k"
    assert (len(labels.labels), len(labels.ids)) == (1000, 1000)
    assert (labels.ids[285], labels.labels[285]) == ("n02124075", "Egyptian_cat")
    assert {spec.label_set for spec in SPECS.values()} == {"imagenet1k", None}


@pytest.mark.parametrize(
    "application",
    [name if name.startswith("MobileNet") else pytest.param(name, marks=pytest.mark.slow) for name in MULTIPLY_ADDS],
)
def test_multiply_adds_agree_with_an_independent_count(application: str) -> None:
    from zoo.architectures import applications

    model = applications.build(application, include_top=True, input_size=224)
    assert multiply_adds(model) == MULTIPLY_ADDS[application]
    free()


@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_top_layers_exist_in_order(name: str) -> None:
    from zoo.architectures import build_base

    top = build_base(SPECS[name], weights=None, input_size=32, include_top=True)
    names = [layer.name for layer in top.layers]
    places = [names.index(layer) for layer in SPECS[name].top_layers]
    assert places == sorted(places)
    assert len(places) == 2
