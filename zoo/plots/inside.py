"""Figures of what is inside a model: filters and what activates them, feature maps, Grad-CAM, stages, features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from zoo import data as data_room
from zoo.compose import Composition, as_inputs
from zoo.data.modalities import has_pictures
from zoo.data.ranges import as_uint8
from zoo.errors import DataError, OptionError, did_you_mean
from zoo.features.nearest import of_every_image, principal_map
from zoo.features.vectors import vectors
from zoo.pictures.colors import in_colors
from zoo.plots import gradient, patches
from zoo.plots.cells import as_map
from zoo.plots.style import COLORS, COLUMN, MAP, PAGE, colors, new, paper, short, tiles
from zoo.specs import HEAD_STAGE


def composition_of(model: Any) -> Composition:
    """The composition of a model, or the composition itself."""
    composition: Composition = getattr(model, "composition", model)
    return composition


def of_pictures(model: Any, what: str) -> Composition:
    """The composition of a model of images.

    Raises:
        OptionError: it takes other examples, for which `what` is not drawn.
    """
    composition = composition_of(model)
    if not has_pictures(composition.intake.kind):
        raise OptionError(f"{what} is for models of images; this one takes {composition.intake.kind!r}")
    return composition


def inputs(composition: Composition, images: Any) -> tuple[list[str], np.ndarray]:
    """Names, and arrays as the model takes them: uint8 (n, height, width, channels).

    Raises:
        DataError: there are none, or one cannot be read.
    """
    named = list(data_room.images(images))
    if not named:
        raise DataError("there are no images to look at")
    fitted = [composition.intake.shape(as_uint8(image)) for _, image in named]
    return [name for name, _ in named], np.stack(fitted)


@paper
def first_layer_filters(model: Any) -> Any:
    """The kernels of the first convolution as small pictures: edges and colors, in every trained network.

    Each kernel is shown on a scale of its own: gray is 0.

    Args:
        model: of `zoo.build` or `zoo.load`.

    Returns:
        A matplotlib Figure.

    Raises:
        OptionError: the base begins with no convolution over the channels of its pictures.
    """
    kernels = patches.first_filters(of_pictures(model, "first_layer_filters"))
    most = np.abs(kernels).max(axis=(1, 2, 3), keepdims=True)
    shown = 0.5 + 0.5 * kernels / np.where(most > 0, most, 1)
    figure, axes = tiles(len(shown), across=8 if len(shown) <= 64 else 12, width=COLUMN)
    for single, kernel in zip(axes, shown, strict=True):
        single.imshow(in_colors(kernel))
    return figure


@paper
def top_patches(
    model: Any,
    data: Any,
    layer: str = "stem",
    channels: Sequence[int] | None = None,
    *,
    k: int = 9,
    progress: Callable[[int, int], None] | None = None,
) -> Any:
    """For each of some filters the nine patches of a data set that activate it most: what it looks for.

    See `zoo.plots.patches.top_patches`, which gives the patches with their places and activations.

    Args:
        model: of `zoo.build` or `zoo.load`.
        data: pictures, as for `fit`; labels are not needed.
        layer: a stage, or a layer of the base.
        channels: which filters; None: the first nine.
        k: patches of each.
        progress: called with (images done, images in all).

    Returns:
        A matplotlib Figure, a page wide: a block of patches for each filter.

    Raises:
        OptionError: a layer or channel that is not there, or whose receptive field is not known.
    """
    composition = of_pictures(model, "top_patches")
    if channels is None:
        channels = range(min(9, int(patches.layer_output(composition, layer).shape[-1])))
    patches_of = patches.top_patches(composition, data_room.load(data), layer, list(channels), k=k, progress=progress)
    figure, axes = tiles(len(patches_of), across=min(3, len(patches_of)), width=PAGE, extra=0.2)
    for single, (channel, best) in zip(axes, patches_of.items(), strict=True):
        single.imshow(mosaic([patch.array for patch in best], across=int(np.ceil(np.sqrt(k)))))
        single.set_title(f"{short(layer)} {channel}", loc="left")
    return figure


def mosaic(pictures: Sequence[np.ndarray], *, across: int) -> np.ndarray:
    """Pictures of one size side by side with a white line between: uint8 (height, width, 3)."""
    height, width = pictures[0].shape[:2]
    gap = max(1, width // 24)
    down = -(-len(pictures) // across)
    whole = np.full((down * (height + gap) - gap, across * (width + gap) - gap, 3), 255, np.uint8)
    for place, picture in enumerate(pictures):
        row, column = divmod(place, across)
        y, x = row * (height + gap), column * (width + gap)
        whole[y : y + height, x : x + width] = picture
    return whole


@paper
def feature_maps(model: Any, image: Any, layer: str = "stage1", channels: Sequence[int] | None = None) -> Any:
    """What the channels of a layer make of one image.

    Args:
        model: of `zoo.build` or `zoo.load`.
        image: a path, an array (height, width, 3) with values 0..255, or a Pillow image.
        layer: a stage, or a layer of the base.
        channels: which; None: the fifteen that vary most over this image.

    Returns:
        A matplotlib Figure: the image as the model sees it, then the maps, each on a scale of its own.

    Raises:
        OptionError: a layer or channel that is not there, or a layer without maps.
    """
    composition = of_pictures(model, "feature_maps")
    _, arrays = inputs(composition, image)
    _, network = patches.up_to(composition, layer)
    maps = as_map(composition, np.asarray(network(as_inputs(arrays[:1]), training=False), np.float32))[0]
    if channels is None:
        channels = np.sort(np.argsort(-maps.std(axis=(0, 1)), kind="stable")[:15]).tolist()
    wrong = [channel for channel in channels if not 0 <= channel < maps.shape[-1]]
    if wrong:
        raise OptionError(f"{layer} has channels 0..{maps.shape[-1] - 1}; got {wrong}")
    figure, axes = tiles(len(channels) + 1, across=4, width=COLUMN, extra=0.14)
    axes[0].imshow(in_colors(arrays[0]))
    axes[0].set_title("input", loc="left", fontsize=6, pad=2)
    for single, channel in zip(axes[1:], channels, strict=True):
        single.imshow(maps[..., channel], cmap=MAP)
        single.set_title(str(channel), loc="left", fontsize=6, pad=2)
    return figure


@paper
def grad_cam(model: Any, images: Any, label: str | None = None, *, stage: str | None = None) -> Any:
    """Where the model looks: each image, and beside it what speaks for the answer.

    See `zoo.plots.gradient.grad_cam`, which gives the numbers.

    Args:
        model: of `zoo.build` or `zoo.load`.
        images: as for `predict`.
        label: for which answer; None: for each image the one the model gives.
        stage: behind which stage of the base; None: the last one.

    Returns:
        A matplotlib Figure.

    Raises:
        OptionError: a label or stage that is not there.
    """
    composition = of_pictures(model, "grad_cam")
    names, arrays = inputs(composition, images)
    if label is not None and label not in composition.labels:
        near = did_you_mean(label, composition.labels)
        raise OptionError(f"the model has no label {label!r}.{near} Labels: {', '.join(composition.labels[:20])}")
    scores = np.asarray(composition.scoring(as_inputs(arrays), training=False), np.float32)
    columns = scores.argmax(axis=1) if label is None else np.full(len(arrays), composition.labels.index(label))
    heat = gradient.grad_cam(composition, arrays, columns, stage=stage)
    labels = composition.labels or tuple(str(number) for number in range(composition.width))
    figure, axes = tiles(2 * len(arrays), across=4 if len(arrays) > 1 else 2, width=PAGE, extra=0.2)
    for number, name in enumerate(names):
        column = int(columns[number])
        axes[2 * number].imshow(in_colors(arrays[number]))
        axes[2 * number].set_title(short(str(name).rpartition("/")[2], 26), loc="left")
        axes[2 * number + 1].imshow(gradient.overlay(in_colors(arrays[number]), heat[number]))
        axes[2 * number + 1].set_title(f"{short(labels[column], 18)} {scores[number, column]:.2f}", loc="left")
    return figure


@paper
def network(model: Any, trained: Sequence[str] = (), *, layers: bool = False) -> Any:
    """The structure of a model, a box for each stage, or for each layer, from the input down to the answer.

    The wider a box the more channels, on a log scale. Beside it: the size of its output, and its weights.

    Args:
        model: of `zoo.build` or `zoo.load`.
        trained: stages that are drawn as trained; the head always is.
        layers: every layer of the base and of the head is drawn, with its kernel and stride, instead of stages.

    Returns:
        A matplotlib Figure, one column wide.
    """
    composition = composition_of(model)
    rows = every_layer(composition, trained) if layers else structure(composition)
    figure = new(COLUMN, 0.3 * len(rows) + 0.2)
    axes = figure.add_subplot()
    axes.set_axis_off()
    widths = np.log2([max(channels, 2) for _, channels, _, _ in rows])
    widths = 0.16 + 0.22 * widths / widths.max()
    for place, ((name, channels, size, weights), width) in enumerate(zip(rows, widths, strict=True)):
        changed = name in trained or name.partition(" ")[0] == HEAD_STAGE
        color = COLORS[1] if changed else COLORS[0] if weights else "0.6"
        axes.barh(-place, width, left=0.4 - width, height=0.62, color=color)
        axes.text(0.4 - width / 2, -place, short(name, 14), ha="center", va="center", color="white", fontsize=7)
        shape = " × ".join(map(str, (*size, channels)))
        axes.text(0.43, -place, shape, va="center", fontsize=7)
        if weights:
            axes.text(1.0, -place, f"{weights:,}", va="center", ha="right", fontsize=7)
    axes.set_xlim(0, 1)
    axes.set_ylim(-len(rows) + 0.4, 0.6)
    return figure


def structure(composition: Composition) -> list[tuple[str, int, tuple[int, ...], int]]:
    """(name, channels, height and width of the map or (), weights) of the input, every stage, features and head."""
    rows = [_first_row(composition)]
    sides = rows[0][2]
    for stage in composition.stages:
        shape: tuple[Any, ...] = tuple(stage.cut.output.shape) if stage.cut is not None else ()
        if len(shape) == 4:
            size: tuple[int, ...] = (int(shape[1]), int(shape[2]))
        else:
            size = () if shape else tuple(side // stage.stride for side in sides)
        rows.append((stage.name, stage.channels, size, sum(layer.count_params() for layer in stage.layers)))
    if composition.head is not None:
        rows.append(("features", int(composition.head.input_shape[-1]), (), 0))
        rows.append((HEAD_STAGE, composition.width, (), composition.head.count_params()))
    return rows


def every_layer(composition: Composition, trained: Sequence[str] = ()) -> list[tuple[str, int, tuple[int, ...], int]]:
    """As `structure`, a row for each layer; those of stages that train begin with "head", whose color they have."""
    from zoo.architectures.arithmetic import layer_rows

    rows = [_first_row(composition)]
    for part, stages in ((composition.backbone, composition.stages), (composition.head, ())):
        for row in [] if part is None else layer_rows(part, stages):
            if row["type"] == "InputLayer":
                continue
            kernel = "" if row["kernel"] is None else f" {row['kernel'][0]}x{row['kernel'][1]}/{row['stride'][0]}"
            own = part is composition.head or row["stage"] in trained
            name = f"{HEAD_STAGE + ' ' if own else ''}{row['type']}{kernel}"
            *size, width = row["output"]
            rows.append((name, int(width), tuple(size), row["params"]))
    return rows


def _first_row(composition: Composition) -> tuple[str, int, tuple[int, ...], int]:
    *sides, channels = composition.intake.array_shape
    return (composition.serving.inputs[0].name, channels, tuple(sides), 0)


@paper
def map_of_features(model: Any, data: Any, *, cache: bool = True) -> Any:
    """Images as points of a plane, those with like features near one another, colored by class.

    The two principal directions of the features (`zoo.features.nearest.principal_map`): nothing is stretched to look
    like clusters.

    Args:
        model: of `zoo.build` or `zoo.load`; with a head.
        data: as for `fit`.
        cache: whether features are looked up in the cache and kept there.

    Returns:
        A matplotlib Figure, one column wide.

    Raises:
        OptionError: the model is a pretrained classifier, without features of its own.
        DataError: no image can be read.
    """
    composition = composition_of(model)
    if composition.features is None:
        raise OptionError("the pretrained classifier has no features of its own: build it with a head")
    dataset = data_room.load(data)
    features = of_every_image(composition, dataset, cache=cache)
    values = vectors(features, prefix=composition.identity.prefix_tokens)
    return plane(principal_map(values), dataset, features.positions)


@paper
def plane(points: np.ndarray, dataset: data_room.Dataset, positions: np.ndarray) -> Any:
    """Points (n, 2) of the images at these positions of a dataset, colored by class, or by its first value."""
    figure = new(COLUMN, COLUMN * 0.95)
    axes = figure.add_subplot()
    size = float(np.clip(3000 / len(points), 4, 18))
    if dataset.task == "classification" and dataset.targets is not None:
        targets = dataset.targets[positions]
        names = dataset.labels or tuple(str(number) for number in range(dataset.n_classes))
        for number, color in enumerate(colors(len(names))):
            own = points[targets == number]
            axes.scatter(own[:, 0], own[:, 1], s=size, color=color, lw=0, alpha=0.8, label=short(names[number], 14))
        if len(names) <= 12:
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=3, markerscale=1.5, handletextpad=0.1)
    else:
        values = None if dataset.targets is None else dataset.targets[positions].reshape(len(points), -1)[:, 0]
        axes.scatter(points[:, 0], points[:, 1], s=size, c=values, cmap=MAP, lw=0, alpha=0.8)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_aspect("equal", adjustable="datalim")
    return figure
