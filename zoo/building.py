"""build and load: from names, or from a file, to a TransferModel."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo import augment as augment_room
from zoo.compose import BuildRequest, compose, load_trained_head, package_file
from zoo.errors import OptionError
from zoo.evaluation.predictions import HASH_DIGITS
from zoo.export.formats import name_of
from zoo.export.hub import SCHEME, HubAddress, fetch
from zoo.exported import ExportedModel, is_exported, open_exported
from zoo.fitting.by_hand import follow_own_base
from zoo.fitting.files import read_model
from zoo.fitting.habits import build_arguments
from zoo.fitting.state import ModelState
from zoo.model import TransferModel
from zoo.plugin import provenance
from zoo.registry import ZooNotice
from zoo.scalars import plain
from zoo.specs import Preprocessing, ResizeRule, Size
from zoo.training import receipts
from zoo.untrusted import contained


def build(
    backbone: str | Any,
    head: Any = None,
    *,
    weights: str | os.PathLike[str] | None = "pretrained",
    features: str | None = None,
    input_size: Size | None = None,
    resize: ResizeRule | str | None = None,
    preprocessing: Preprocessing | str | None = "pretrained",
    precision: str | None = None,
    options: Mapping[str, Any] | None = None,
    augment: Any = None,
    seed: int = 0,
    progress: Any = None,
    labels: Sequence[str] | str | os.PathLike[str] | None = None,
    trust: bool = False,
    **keras: Any,
) -> TransferModel:
    """Build a pretrained base with a head on it, ready to fit; or, without a head, the pretrained classifier.

    Built in the scope of a `tf.distribute.MirroredStrategy`, it trains on all devices of the strategy.

    Args:
        backbone: a name (`zoo.backbones()` lists them); a Keras model from images, or from vectors (n, d), to features;
            a repository that timm wrote, `hf://owner/name[@revision]`, of a network that a row builds; or, with
            `trust=True`, a SavedModel: `tfhub:https://...`, `kaggle:owner/model/framework/variation/version`, or a
            folder.
        head: a name (`zoo.heads()`); `zoo.classifier(...)`, `multilabel`, `regressor`, `locator`, `multi_output` or
            `head`; or a Keras layer from features (n, d) to logits or probabilities (n, classes). None: the classifier
            that came with the weights.
        weights: "pretrained"; the id of a weight source; the path of a weight file; None for random weights. Of a Keras
            model: "pretrained" keeps what it knows; with None its weights count as random, and `fit` trains all of it.
        features: what the head reads: a pooling of the last feature map ("avg", "max", "concat", "gem"), a stage such
            as "stage3", a layer, of the pretrained top too ("fc2"), or one of these with its pooling ("stage3:gem").
        input_size: side of the square input, or (height, width), in px; default from the backbone.
        resize: the rule that fits pictures to it: "crop", "stretch", "pad" or a `zoo.specs.ResizeRule`. Default: the
            published rule for the pretrained classifier; for a head, shorter side to the input size, then the center.
        preprocessing: numbers to replace those of the backbone; None: values 0..255 as they are.
        precision: what base and head compute in: "float32", "mixed_bfloat16" or "mixed_float16" (with loss scaling in
            `fit`). Weights, features and answers are float32 in all of them. None: Keras's global dtype policy. Layers
            and models of your own bring their own.
        options: of the backbone, by name, where it has some (`zoo show NAME`): `{"filters": [16, 32]}`; of other
            modalities also of how examples become what it takes. Such a model fits its intake on the training part of
            its first `fit`.
        augment: random changes while training: names (`zoo.augmentations()`), Keras layers, functions of
            (uint8 image, seed), or a list of these.
        seed: of the head's initial weights and of random base weights.
        progress: called with (bytes done, bytes in all) while weights are fetched.
        labels: names of the outputs of a SavedModel's own classifier (`head=None`): a list, or a text file with one a
            line. Of a classifier with a background class in front the names may be with or without it.
        trust: whether the code of a SavedModel may run on this machine with your rights.
        **keras: `classes`, as Keras calls what `zoo.classifier` takes.

    Raises:
        UnknownNameError: a name nobody provides; near misses are suggested.
        WeightsError: weights that are missing, damaged or do not fit.
        OptionError: arguments that do not go together.
    """
    head = build_arguments(head, keras)
    request = BuildRequest(
        backbone=backbone,
        head=head,
        weights=weights,
        features=features,
        input_size=plain(input_size),
        resize=resize,
        preprocessing=preprocessing,
        precision=precision,
        seed=plain(seed),
        progress=progress,
        labels=labels,
        trust=trust,
        options=None if options is None else plain(dict(options)),
    )
    with provenance.recording() as used:
        composition, trained = compose(request)
        ops = augment_room.resolve(plain(augment), modality=composition.intake.kind)
    own = composition.head is None  # the classifier that came with the weights
    fresh, training_files = None, set()
    if trained is not None:
        known = package_file(trained.training_files).read_text(encoding="ascii").split()
        training_files = {digest[:HASH_DIGITS] for digest in known}
        fresh = composition.head_weights()
        load_trained_head(composition, trained)
    state = ModelState(
        composition,
        head_state="pretrained" if own or trained is not None else "untrained",
        ops=ops,
        providers=provenance.rows(used, preprocessing=preprocessing == "pretrained", label_set=own),
        training_files=training_files,
        fresh_head=fresh,
        request=request,
    )
    if not isinstance(backbone, str):
        follow_own_base(state, backbone)
    return TransferModel(state)


def load(
    path: str | os.PathLike[str], *, augment: Any = None, format: str | None = None, trust: bool = False
) -> TransferModel | ExportedModel:
    """Load a model from a file; labels and the way examples become inputs come back with it.

    Args:
        path: a `.keras` file that `TransferModel.save` wrote, to predict with and to train further; or what
            `TransferModel.export` wrote (ONNX, LiteRT, a SavedModel, ...), to predict and evaluate with in its own
            runtime; or `hf://owner/name@revision[/file]` on the Hugging Face Hub. A commit never changes; a branch is
            held to the commit of its first use here.
        augment: as in `build`, for a further `fit`; a file holds no augmentation.
        format: of an exported file; None: by its name.
        trust: whether a SavedModel may be opened: its graph is code.

    Raises:
        UnsafeFileError: the file is damaged or holds code.
        OptionError: there is no such file, zoo did not write it, or it is a SavedModel and not trusted.
        PluginError: it has layers of a plugin that is missing or broken; names the distribution and version to install.
    """
    if os.fspath(path).startswith(SCHEME):
        address = HubAddress.of(os.fspath(path))
        name = format or name_of(Path(address.file))
        if name == "savedmodel":
            raise OptionError(f"{path}: a SavedModel is a folder, and one file of the hub is loaded")
        return load(fetch(address), augment=augment, format=name)
    if format not in (None, "keras") or (format is None and is_exported(path)):
        if augment is not None:
            raise OptionError(f"augment= is for training, and {str(path)!r} is an exported file, which does not train")
        return open_exported(path, format=format, trust=trust)
    return load_trainable(path, augment=augment)


def load_trainable(path: str | os.PathLike[str], *, augment: Any = None) -> TransferModel:
    """Load a `.keras` file; arguments and errors as for `load`."""
    composition, record = read_model(path)
    with provenance.recording() as used:
        ops = augment_room.resolve(augment, modality=composition.intake.kind)
    providers = [row.to_json() for row in record.providers]
    provenance.say_what_changed(Path(path), providers)
    for notice in receipts.adapted_notice(record.batchnorm_adapted):
        warnings.warn(f"{path}: {notice}", ZooNotice, stacklevel=2)
    with contained(path, "a model"):  # a head that cannot be built anew is damaged too
        fresh = None if composition.head is None else composition.fresh_head_weights()
    return TransferModel(
        ModelState(
            composition,
            head_state=record.head_state,
            ops=ops,
            providers=[*providers, *provenance.rows(used)],
            training_files=record.training_files,
            fresh_head=fresh,
            origin=record,
        )
    )
