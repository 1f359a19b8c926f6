"""What every dataset has to keep to: `DatasetConformance`."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from zoo.testing.suite import OptionConformance

MOST_DECODED = 2000
"""Pictures that are decoded at most; of a larger dataset every k-th is."""

NO_LICENSE = {"", "?", "-", "unknown", "todo", "tbd", "none", "n/a"}
"""What says nothing about a license."""


class DatasetConformance(OptionConformance):
    """The checks of a dataset.

    A dataset whose files are not at hand (it declares a `url` or `files`, or needs options such as a path) is skipped
    with that reason; with `options`, or with the files in place, all checks run.

    Example:
        ```python
        class TestBirds(DatasetConformance):
            name = "birds200"
            options = {"path": Path(__file__).parent / "few_birds"}
        ```

    Attributes:
        name: the dataset, bare or as "plugin:name".
        options: options to load it with; default its own defaults.
    """

    abstract = True
    kind: ClassVar[str] = "datasets"

    # -- what checks look at -------------------------------------------------------------------------------------
    def load(self) -> tuple[Any, list[str]]:
        """The dataset loaded once more, and the uses of the network that were refused meanwhile."""
        from zoo.errors import OfflineError
        from zoo.testing.isolation import no_network

        self.usable_options()
        with no_network() as tried:
            try:
                return self.call(), tried
            except OfflineError as error:
                if self.spec.url or self.spec.files or self.options:
                    self.skip(f"its files are not here: {str(error)[:200]}")
                raise
            except Exception:
                if tried:
                    return None, tried
                raise

    def _loaded(self) -> Any:
        self.need("check_offline", "check_loads")
        return self.keep("loaded", lambda: self.load())[0]

    def _sample(self, dataset: Any) -> list[int]:
        return list(range(0, len(dataset), -(-len(dataset) // MOST_DECODED)))

    # -- loading -------------------------------------------------------------------------------------------------
    def check_offline(self) -> None:
        """With ZOO_OFFLINE=1 the dataset reaches for the network all the same, and hangs where there is none."""
        _, tried = self.keep("loaded", self.load)
        if tried:
            self.fail(
                f"offline it tried to {tried[0]}: use zoo.fetch, which keeps to ZOO_OFFLINE and checks the digest"
            )

    def check_loads(self) -> None:
        """The dataset is listed, and does not load."""
        from zoo.data import Dataset

        self.need("check_offline")
        dataset = self.keep("loaded", self.load)[0]
        if not isinstance(dataset, Dataset):
            self.fail(f"its loader gave a {type(dataset).__name__}, not a zoo.Dataset")
        if not len(dataset):
            self.fail("it is empty")

    def check_same_order_every_time(self) -> None:
        """The same seed gives another split each time, so that results differ and training data is tested on."""
        first = self._loaded()
        again, _ = self.load()
        if again.ids != first.ids:
            self.fail("loaded twice, the names come in different orders: sort what is listed from a folder")
        if first.targets is not None and not np.array_equal(first.targets, again.targets, equal_nan=True):
            self.fail("loaded twice, the answers come in different orders")
        if first.hashes() != again.hashes():
            self.fail("loaded twice, the pictures come in different orders or change")

    # -- answers -------------------------------------------------------------------------------------------------
    def check_task(self) -> None:
        """The listing says one task and the data is for another, so a head chosen by the listing does not fit."""
        dataset = self._loaded()
        if dataset.task != self.spec.task:
            self.fail(f"declared is {self.spec.task}, loaded is {dataset.task}")

    def check_labels(self) -> None:
        """The classes of the listing are not those of the data: a trained head names the wrong ones."""
        twice = sorted({label for label in self.spec.labels if self.spec.labels.count(label) > 1})
        if twice:
            self.fail(f"labels given twice: {', '.join(map(repr, twice))}")
        dataset = self._loaded()
        if self.spec.labels and tuple(dataset.labels) != self.spec.labels:
            odd = sorted(set(dataset.labels) ^ set(self.spec.labels))
            what = f"they differ in {', '.join(odd[:8])}" if odd else "their order differs"
            self.fail(f"declared are {len(self.spec.labels)} labels, loaded {len(dataset.labels)}; {what}")

    def check_targets(self) -> None:
        """Training stops with an index out of range, or its loss becomes NaN."""
        dataset = self._loaded()
        if dataset.targets is None:
            self.fail("it has no answers")
        targets = np.asarray(dataset.targets)
        if len(targets) != len(dataset):
            self.fail(f"{len(dataset)} pictures and {len(targets)} answers")
        if not np.isfinite(targets).all():
            self.fail(f"{int((~np.isfinite(targets)).sum())} answers are NaN or infinite")
        self._refuse_odd(dataset, targets)

    def _refuse_odd(self, dataset: Any, targets: np.ndarray) -> None:
        """Answers that are not those of the task."""
        if dataset.task == "classification":
            classes = len(self.spec.labels or dataset.labels) or dataset.n_classes
            self._refuse_odd_classes(targets, classes)
        elif dataset.task == "multilabel" and not np.isin(targets, (0, 1)).all():
            self.fail("answers of a multilabel dataset must be 0 or 1")
        elif dataset.task == "box" and not _are_boxes(targets):
            self.fail("boxes must be x_min < x_max, y_min < y_max as shares 0..1 of width and height")

    def _refuse_odd_classes(self, targets: np.ndarray, classes: int) -> None:
        if targets.ndim != 1 or targets.dtype.kind not in "iu":
            self.fail(f"class indices must be integers (n,); they are {targets.dtype} {targets.shape}")
        if targets.min() < 0 or targets.max() >= classes:
            self.fail(f"class indices go from {targets.min()} to {targets.max()}; there are {classes} classes")

    def check_names(self) -> None:
        """A message about a damaged picture, or a list of mistakes, names two pictures by the same name."""
        names = self._loaded().ids
        if len(set(names)) != len(names):
            self.fail(f"{len(names) - len(set(names))} of {len(names)} ids are there twice")

    # -- pictures ------------------------------------------------------------------------------------------------
    def check_pictures_decode(self) -> None:
        """Training skips pictures, or stops at one that cannot be read."""
        dataset = self._loaded()
        for index in self._sample(dataset):
            try:
                picture = dataset.image(index)
            except Exception as error:
                self.fail(f"picture {index} ({dataset.ids[index]}) cannot be read: {type(error).__name__}: {error}")
            form = f"{picture.dtype} {picture.shape}" if isinstance(picture, np.ndarray) else type(picture).__name__
            if not form.startswith("uint8") or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
                self.fail(f"picture {index} ({dataset.ids[index]}) is {form}; expected uint8 (height, width, 3)")

    def check_pictures_are_fresh(self) -> None:
        """Augmenting a picture changes the data itself, and each epoch sees what the last one left."""
        self.need("check_pictures_decode")
        dataset = self._loaded()
        picture = dataset.image(0)
        before = picture.copy()
        if not picture.flags.writeable:
            self.fail("image(0) is read-only; read(row) must give a fresh array: .copy()")
        picture[:] = 255 - picture
        if not np.array_equal(dataset.image(0), before):
            self.fail("writing into image(0) changes the dataset: read(row) must give a fresh array: .copy()")

    # -- splits --------------------------------------------------------------------------------------------------
    def check_split_sizes(self) -> None:
        """The listing promises sizes that the data does not have: figures are not comparable with published ones."""
        if not self.spec.splits:
            return
        dataset = self._loaded()
        sizes = {name: len(members) for name, members in dataset.splits.items()} or {"train": len(dataset)}
        if sizes != self.spec.splits:
            self.fail(f"declared are {dict(self.spec.splits)}, loaded {sizes}")

    def check_splits_apart(self) -> None:
        """Pictures that were trained on are tested on, and the accuracy is too good to be true."""
        self.need("check_pictures_decode")
        dataset = self._loaded()
        parts = {name: set(members.tolist()) for name, members in dataset.splits.items()}
        if len(parts) > 1:
            self._apart(dataset, parts, by_content=True, whose="its own splits")

    def check_split_by_content(self) -> None:
        """Copies of one picture fall on both sides of a split, and what was trained on is tested on."""
        from zoo.data import ImageFiles, split

        self.need("check_pictures_decode", "check_targets")
        dataset = self._loaded()
        try:
            made = split(dataset, validation=0.3)
        except Exception as error:
            self.skip(f"it cannot be split at random: {error}")
        parts = {"train": set(made.train.tolist()), "validation": set(made.validation.tolist())}
        # Files are told apart by their bytes, as zoo promises; everything else by its pixels.
        files = isinstance(dataset, ImageFiles) and type(dataset).digest is ImageFiles.digest
        if not dataset.splits:
            self._apart(dataset, parts, by_content=not files, whose="the split by content")

    def _apart(self, dataset: Any, parts: dict[str, set[int]], *, by_content: bool, whose: str) -> None:
        from zoo.pictures.forms import digest_of_picture

        keys: dict[int, str] = dict(enumerate(dataset.hashes()))
        if by_content:
            keys = {index: digest_of_picture(dataset.image(index)) for index in self._sample(dataset)}
        seen: dict[str, tuple[str, int]] = {}
        for name, members in parts.items():
            for index in sorted(members & keys.keys()):
                other, first = seen.setdefault(keys[index], (name, index))
                if other != name:
                    self.fail(
                        f"in {whose}, {dataset.ids[index]} of {name} is the same picture as {dataset.ids[first]} of "
                        f"{other}: remove the copies, and let digest(row) depend on the content alone"
                    )

    # -- what is declared ----------------------------------------------------------------------------------------
    def check_license(self) -> None:
        """The user cannot tell whether the data may be used."""
        if self.spec.license.strip().lower() in NO_LICENSE:
            self.fail(f"license is {self.spec.license!r}: give its SPDX id, or say in words what its author says")

    def check_source(self) -> None:
        """The user cannot find out where the data comes from, nor cite it."""
        if not self.spec.source.strip():
            self.fail("source is empty: say who published the data, and where")


def _are_boxes(targets: np.ndarray) -> bool:
    """Whether all are x_min, y_min, x_max, y_max within 0..1, and none is empty."""
    return bool(targets.min() >= 0 and targets.max() <= 1 and (targets[:, :2] < targets[:, 2:]).all())
