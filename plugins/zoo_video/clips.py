"""The modality `video`: a clip is a folder of frames, a GIF, or an array (t, height, width, 3)."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageSequence
from pydantic import ValidationError

from zoo.errors import DataError, OptionError
from zoo.modality import Intake, Modality, Problem, Ref, Thumbnail
from zoo.specs import ModalitySpec
from zoo_video.intake import VideoIntake

_FRAMES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
"""Ends of the names of frames in a folder."""

_MOST = 512
"""Frames of a clip that are read at most, evenly spaced: a long one must not fill the memory."""

_SEEN = 8
"""Frames of a folder that are looked at, to see whether it is a clip."""

_ALIKE = 0.7
"""Share of the difference between two clips of a class that neighboring frames of one may have."""

SPECS = (
    ModalitySpec(
        name="video",
        summary="clips: folders of frames, GIF files, arrays (t, height, width, 3)",
        modality="zoo_video.clips:Clips",
        extensions=(".gif",),
        folder_extensions=_FRAMES,
        default_backbone="zoo_video:video_frames",
    ),
)
"""The modality of this plugin."""


class Clips(Modality):
    """Clips: uint8 (t, height, width, 3)."""

    name = "video"
    extensions = (".gif",)
    intake = VideoIntake

    def examples(self, source: str | Path) -> Iterator[Ref]:
        """Yield a GIF or a folder of frames; of a folder of clips all of them, by name."""
        path = Path(source)
        if not path.is_dir() or _frames(path):
            yield Ref(path.name, str(path))
            return
        for inner in sorted(path.iterdir()):
            if inner.suffix.lower() in self.extensions or (inner.is_dir() and _frames(inner)):
                yield Ref(inner.name, str(inner))

    def read(self, ref: Ref) -> np.ndarray:
        """Return the frames, in order (of a folder by name; digits count as numbers)."""
        path = Path(ref.path)
        try:
            if path.is_dir():
                files = _spaced(_frames(path))
                frames = [_pixels(Image.open(file)) for file in files]
            else:
                with Image.open(path) as picture:
                    count = getattr(picture, "n_frames", 1)
                    kept = set(_spaced(list(range(count))))
                    frames = [_pixels(frame) for at, frame in enumerate(ImageSequence.Iterator(picture)) if at in kept]
        except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
            raise DataError(f"{path} cannot be read as a clip: {error}") from error
        if not frames:
            raise DataError(f"{path} holds no frame ({', '.join(_FRAMES)})")
        sizes = {frame.shape for frame in frames}
        if len(sizes) > 1:
            raise DataError(
                f"the frames of {path} differ in size: {', '.join(str(s[1::-1]) for s in sorted(sizes)[:3])}"
            )
        return np.stack(frames)

    def take(self, item: Any) -> np.ndarray:
        """Return an array (t, height, width, 3), gray (t, height, width) too, or a list of frames."""
        if isinstance(item, list | tuple) and item:
            try:
                item = np.stack([np.asarray(frame) for frame in item])
            except (ValueError, TypeError) as error:
                raise DataError(f"the frames of a clip must have one size: {error}") from error
        clip = np.asarray(item)
        if clip.dtype.kind not in "uifb" or clip.ndim not in (3, 4) or not clip.size:
            raise DataError(
                f"a clip is an array (t, height, width, 3) with values 0..255, or a list of frames; got "
                f"{type(item).__name__} of shape {clip.shape}"
            )
        if clip.ndim == 3 or clip.shape[3] == 1:
            clip = np.repeat(clip.reshape(*clip.shape[:3], 1), 3, axis=3)
        if clip.shape[3] != 3:
            raise DataError(f"frames have 3 channels, RGB; this clip has {clip.shape[3]}")
        if not np.isfinite(clip).all() or clip.min() < 0 or clip.max() > 255:
            raise DataError(f"pixels must be 0..255; this clip has {clip.min():g} to {clip.max():g}")
        return clip if clip.dtype == np.uint8 else clip.astype(np.float32)

    def fit(self, training: Iterable[Any], options: Mapping[str, Any]) -> Intake:
        """Return the intake that the options describe: there is nothing to fit."""
        try:
            return VideoIntake.model_validate(dict(options))
        except ValidationError as error:
            problem = error.errors()[0]
            raise OptionError(f"option {'.'.join(map(str, problem['loc']))} of clips: {problem['msg']}") from error

    def claims(self, path: str | Path) -> bool:
        """Return whether a GIF moves: one that stands still is a picture."""
        try:
            with Image.open(path) as picture:
                return bool(getattr(picture, "is_animated", False))
        except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
            return False

    def claims_folders(self, folders: Sequence[Path]) -> bool:
        """Return whether the files of each folder are numbered frames of one size, each much like the one before.

        Photos that are numbered in folders resemble each other no more than those of other folders of their class do.
        """
        try:
            clips = [_small(_numbered(folder)) for folder in folders]
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            return False
        within = [float(np.abs(np.diff(clip, axis=0)).mean()) for clip in clips]
        of_one_class = [places for places in pairwise(range(len(folders))) if _one_parent(folders, places)]
        between = [float(np.abs(clips[one][0] - clips[other][0]).mean()) for one, other in of_one_class]
        return bool(between) and float(np.median(within)) < _ALIKE * float(np.median(between))

    def problems(self, example: np.ndarray) -> Iterator[Problem]:
        """Yield that a clip has one frame, or stands still."""
        if len(example) < 2:
            yield Problem(
                "warning", "the clip has a single frame", "It is a picture: a model of images answers it faster"
            )
        elif (example == example[:1]).all():
            yield Problem("warning", "all frames of the clip are the same", "Look whether it was cut well")

    def drawn(self, seed: int) -> np.ndarray:
        """Return a crop that moves over a texture: uint8 (4, 48, 64, 3)."""
        coarse = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), np.uint8)
        whole = np.asarray(Image.fromarray(coarse).resize((96, 72), Image.Resampling.BICUBIC))
        return np.stack([whole[4 * at : 4 * at + 48, 6 * at : 6 * at + 64] for at in range(4)])

    def show(self, example: np.ndarray) -> Thumbnail:
        """Return four frames side by side."""
        places = np.rint(np.linspace(0, len(example) - 1, 4)).astype(int)
        shown = []
        for place in places.tolist():
            frame = Image.fromarray(np.asarray(example[place]).astype(np.uint8))
            frame.thumbnail((96, 96))
            shown.append(np.asarray(frame))
        content = io.BytesIO()
        Image.fromarray(np.concatenate(shown, axis=1)).save(content, "PNG")
        return Thumbnail(png=content.getvalue(), text=f"{len(example)} frames")


def _frames(folder: Path) -> list[Path]:
    files = [file for file in folder.iterdir() if file.suffix.lower() in _FRAMES and not file.name.startswith(".")]
    return sorted(
        files, key=lambda file: [(part.isdigit(), int(part) if part.isdigit() else part) for part in _parts(file)]
    )


def _one_parent(folders: Sequence[Path], places: tuple[int, int]) -> bool:
    return folders[places[0]].parent == folders[places[1]].parent


def _numbered(folder: Path) -> list[Path]:
    """The first frames of a folder.

    Raises:
        ValueError: their names are not one word with a number that counts up by one.
    """
    files = _frames(folder)
    names = [re.fullmatch(r"(\D*?)[ _-]?(\d+)(\D*)", file.stem) for file in files]
    if len({name and (name[1], name[3]) for name in names}) > 1 or None in names:
        raise ValueError("other names")
    numbers = [int(name[2]) for name in names if name]
    if {after - before for before, after in pairwise(numbers)} != {1}:
        raise ValueError("numbers that do not count up by one")
    return files[:_SEEN]


def _small(files: list[Path]) -> np.ndarray:
    """Frames in gray, 32 x 32: float32 (t, 32, 32).

    Raises:
        ValueError: they differ in size.
    """
    frames, sizes = [], set()
    for file in files:
        with Image.open(file) as picture:
            sizes.add(picture.size)
            frames.append(np.asarray(picture.convert("L").resize((32, 32), Image.Resampling.BOX), np.float32))
    if len(sizes) > 1:
        raise ValueError("other sizes")
    return np.stack(frames)


def _parts(file: Path) -> list[str]:
    """A file's name in runs of digits and of other letters, so that frame 10 comes after frame 9."""
    parts = [""]
    for letter in file.stem:
        if parts[-1] and parts[-1].isdecimal() == letter.isdecimal():
            parts[-1] += letter
        else:
            parts.append(letter)
    return [part for part in parts if part]


def _spaced(items: list[Any]) -> list[Any]:
    if len(items) <= _MOST:
        return items
    return [items[place] for place in np.rint(np.linspace(0, len(items) - 1, _MOST)).astype(int).tolist()]


def _pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("RGB"))
