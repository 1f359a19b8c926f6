"""Clips: read from folders, GIF files and arrays; every frame shaped and changed alike; motion is told from order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.errors import DataError, OptionError
from zoo.modality import Ref
from zoo.testing import ModalityConformance
from zoo_video import augmentations
from zoo_video.clips import Clips
from zoo_video.intake import VideoIntake
from zoo_video.network import build_frames

STEPS = {"left": (0, -1), "right": (0, 1), "up": (-1, 0), "down": (1, 0)}


def moving(direction: str, seed: int, *, frames: int = 6, side: int = 64, step: int = 9) -> np.ndarray:
    """A crop that moves over one texture: uint8 (frames, side, side, 3)."""
    draw = np.random.default_rng(seed)
    large = side + step * frames
    coarse = draw.integers(0, 256, (large // 6 + 1, large // 6 + 1, 3), np.uint8)
    picture = np.asarray(Image.fromarray(coarse).resize((large, large), Image.Resampling.BICUBIC))
    down, right = STEPS[direction]
    top, left = (step * (frames - 1) if way < 0 else 0 for way in (down, right))
    places = [(top + down * step * at, left + right * step * at) for at in range(frames)]
    return np.stack([picture[y : y + side, x : x + side] for y, x in places])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("clips")
    for number, direction in enumerate(("left", "right")):
        frames = [Image.fromarray(frame) for frame in moving(direction, number)]
        (root / direction).mkdir()
        for at, frame in enumerate(frames):
            frame.save(root / direction / f"frame{at + 6}.png")
    frames[0].save(root / "z.gif", save_all=True, append_images=frames[1:])
    return root


class TestVideoModality(ModalityConformance):
    name = "zoo_video:video"

    @pytest.fixture(autouse=True)
    def _source(self, folder: Path) -> None:
        type(self).path = folder

    def source(self) -> Path:
        return self.path


def test_frames_come_in_order_and_a_gif_is_a_clip(folder: Path) -> None:
    clips = Clips()
    refs = list(clips.examples(folder))
    assert [ref.name for ref in refs] == ["left", "right", "z.gif"]
    np.testing.assert_array_equal(clips.read(refs[0]), moving("left", 0))  # frame10 comes after frame9
    assert clips.read(refs[2]).shape == (6, 64, 64, 3)


def test_every_frame_is_cut_and_resized_alike() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    shaped = VideoIntake(frames=5, size=32).shape(np.stack([picture] * 9))
    assert shaped.shape == (5, 32, 32, 3)
    assert (shaped == shaped[:1]).all()
    exact = moving("up", 0)[:3].astype(np.float32)
    assert VideoIntake(frames=3, size=64).shape(exact) is exact


@pytest.mark.parametrize("make", [augmentations.shift, augmentations.contrast])
def test_a_random_change_is_the_same_for_every_frame(make) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    still = np.stack([picture] * 4)
    changed = [make(factor=0.3)(still, seed) for seed in range(4)]
    for clip in changed:
        assert (clip == clip[:1]).all()
    assert len({clip.tobytes() for clip in changed}) > 1


def test_what_is_no_clip_is_one_error(tmp_path: Path) -> None:
    clips = Clips()
    for item in (np.zeros((4, 4)), np.full((2, 8, 8, 3), 300), np.zeros((2, 8, 8, 4)), "left"):
        with pytest.raises(DataError):
            clips.take(item)
    with pytest.raises(OptionError, match="frames"):
        clips.fit((), {"frames": 1})
    (tmp_path / "odd").mkdir()
    for name, side in (("a.png", 8), ("b.png", 9)):
        Image.new("RGB", (side, 8)).save(tmp_path / "odd" / name)
    with pytest.raises(DataError, match="differ in size"):
        clips.read(Ref("odd", str(tmp_path / "odd")))


@pytest.mark.slow
def test_motion_is_told_from_the_order_of_frames() -> None:
    """Random weights will do: what is looked for is where things go, not what they are."""
    network = build_frames(VideoIntake(frames=6, size=64), weights=None, appearance=False)
    names = list(STEPS)
    clips = np.stack([moving(name, seed) for seed in range(6) for name in names]).astype(np.float32)
    moves = np.asarray(network(clips)).mean(axis=1).reshape(-1, 5, 5)
    assert network.trainable_weights == []
    # Things move against the crop.
    axis = np.arange(-2, 3)
    down, right = (moves * axis[:, None]).sum((1, 2)), (moves * axis).sum((1, 2))
    told = [
        ("left" if x > 0 else "right") if abs(x) > abs(y) else ("up" if y > 0 else "down")
        for x, y in zip(right, down, strict=True)
    ]
    assert np.mean([name == true for name, true in zip(told, names * 6, strict=True)]) > 0.9
    still = np.repeat(clips[:, :1], 6, axis=1)
    assert np.asarray(network(still)).mean(axis=1).argmax(axis=1).tolist() == [12] * 24  # nothing moves


def test_the_gru_reads_the_order_and_attention_does_not() -> None:
    import keras

    from zoo_video import heads

    steps = np.random.default_rng(0).normal(size=(3, 5, 8)).astype(np.float32)
    features = keras.Input((5, 8))
    for head, ordered in ((heads.gru, True), (heads.attention, False)):
        model = keras.Model(features, head(features, outputs=2, seed=1, units=4))
        forward, backward = (np.asarray(model(array, training=False)) for array in (steps, steps[:, ::-1]))
        assert forward.shape == (3, 2)
        assert bool(np.abs(forward - backward).max() > 1e-3) is ordered
