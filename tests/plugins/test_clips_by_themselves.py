"""Clips in folders of frames are seen as clips with nothing named, and the default tells motion from the order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.cli.main import main
from zoo.data.modalities import modality_of_path
from zoo.registry import ZooNotice
from zoo_video.clips import Clips

STEPS = {"left": (0, -1), "right": (0, 1), "up": (-1, 0), "down": (1, 0)}
FRAMES, SIDE, MOST = 8, 128, 14


def moving(photo: Path, direction: str, draw: np.random.Generator) -> np.ndarray:
    """A crop that moves over a photo by 8 to 14 pixels a frame: uint8 (8, 128, 128, 3)."""
    step, room = int(draw.integers(8, MOST + 1)), SIDE + MOST * FRAMES
    picture = Image.open(photo).convert("RGB")
    larger = max(1.0, 1.1 * room / min(picture.size))
    pixels = np.asarray(picture.resize((int(picture.width * larger), int(picture.height * larger))))
    down, right = STEPS[direction]
    way = step * (FRAMES - 1)
    top, left = (int(draw.integers(0, side - SIDE - way)) for side in pixels.shape[:2])
    top, left = top + (way if down < 0 else 0), left + (way if right < 0 else 0)
    places = [(top + down * step * at, left + right * step * at) for at in range(FRAMES)]
    return np.stack([pixels[y : y + SIDE, x : x + SIDE] for y, x in places])


def write(folder: Path, photos: list[Path], seed: int) -> Path:
    draw = np.random.default_rng(seed)
    for number, photo in enumerate(photos):
        for direction in STEPS:
            clip = folder / direction / f"clip{number}"
            clip.mkdir(parents=True)
            for at, frame in enumerate(moving(photo, direction, draw), 1):
                Image.fromarray(frame).save(clip / f"{at:04d}.png")
    return folder


@pytest.fixture(scope="module")
def photos(shared_data: Path) -> list[Path]:
    return [file for kind in sorted((shared_data / "flowers5").iterdir()) for file in sorted(kind.iterdir())[:5]]


def test_only_folders_of_frames_are_seen_as_clips(photos: list[Path], tmp_path: Path) -> None:
    clips = write(tmp_path / "clips", photos[:2], 0)
    with pytest.warns(ZooNotice, match="each folder of files is read as one example of 'video'"):
        assert modality_of_path(clips) == "video"
    for split in ("train", "test"):
        write(tmp_path / "splits" / split, photos[:2], 0)
    with pytest.warns(ZooNotice, match="as one example"):
        assert modality_of_path(tmp_path / "splits") == "video"
    # Photos, numbered in folders alike: the same structure, and no two that follow one another.
    for number, photo in enumerate(photos[:16]):
        target = tmp_path / "photos" / f"class{number // 8}" / f"album{number // 4 % 2}"
        target.mkdir(parents=True, exist_ok=True)
        Image.open(photo).resize((64, 64)).save(target / f"{number % 4:04d}.png")
    assert modality_of_path(tmp_path / "photos") == "image"
    # One class whose photos lie in the class folder itself.
    Image.open(photos[0]).resize((64, 64)).save(clips / "left" / "alone.png")
    assert modality_of_path(clips) == "image"


@pytest.mark.slow
def test_the_default_tells_motion_from_the_order_of_frames(photos: list[Path], tmp_path: Path) -> None:
    # No photo is in both parts.
    training = write(tmp_path / "training", photos[::5] + photos[1::5] + photos[2::5], 0)
    held_out = write(tmp_path / "held_out", photos[3::5] + photos[4::5], 1)
    path = tmp_path / "clips.keras"
    assert main(["fit", str(training), "--out", str(path), "--quiet"]) == 0
    model = zoo.load(path)
    assert model.composition.intake.kind == "video"
    reader, names = Clips(), [name for name in STEPS for _ in range(10)]
    clips = [reader.read(ref) for name in STEPS for ref in reader.examples(held_out / name)]

    def right(changed: list[np.ndarray]) -> float:
        answers = [prediction.label for prediction in model.predict(changed)]
        return float(np.mean([answer == name for answer, name in zip(answers, names, strict=True)]))

    assert right(clips) >= 0.9
    assert right([np.repeat(clip[3:4], FRAMES, axis=0) for clip in clips]) <= 0.35
    draws = [np.random.default_rng(seed) for seed in range(3)]
    assert np.mean([right([clip[draw.permutation(FRAMES)] for clip in clips]) for draw in draws]) <= 0.35
