"""A small run of sounds, texts, rows or clips that is worth killing: gradient steps, dropout, random changes.

As a program: `modal_runs.py MODALITY DATA RUN` trains, and is killed with signal 9 in the middle of its second epoch.
"""

from __future__ import annotations

import csv
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np

MODALITIES = ("audio", "table", "text", "video")
"""What there is a run for: each with another base, and another way into the graph."""

RATE = 8000
WORDS = {
    "sport": ["match", "goal", "team", "striker", "coach", "league", "cup", "player", "season", "final"],
    "tech": ["chip", "phone", "software", "network", "screen", "data", "robot", "code", "server", "laptop"],
}
TOWNS = ("BEDOK", "CLEMENTI", "DOVER")


def sounds(folder: Path, count: int = 10) -> Path:
    """Low and high tones of different lengths, in class folders."""
    import soundfile

    draw = np.random.default_rng(0)
    for label, frequency in (("high", 1500), ("low", 300)):
        (folder / label).mkdir(parents=True)
        for number in range(count):
            times = np.arange(draw.integers(RATE // 2, RATE)) / RATE
            tone = 0.3 * np.sin(2 * np.pi * frequency * draw.uniform(0.9, 1.1) * times)
            noisy = tone + 0.01 * draw.standard_normal(len(times))
            soundfile.write(folder / label / f"{label}_{number % 2}_{number}.wav", noisy.astype(np.float32), RATE)
    return folder


def texts(folder: Path, count: int = 16) -> Path:
    """Texts of words of two topics and words of none, in class folders."""
    draw = np.random.default_rng(0)
    for label, words in WORDS.items():
        (folder / label).mkdir(parents=True)
        for number in range(count):
            chosen = [*draw.choice(words, 5), *draw.choice(["the", "of", "says", "new", "week"], 8)]
            draw.shuffle(chosen)
            (folder / label / f"{number}.txt").write_text(" ".join(chosen) + "\n", encoding="utf-8")
    return folder


def rows(folder: Path, count: int = 60) -> Path:
    """A table of flats: which are dear follows from area and town; some areas are missing."""
    draw = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "flats.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("month", "town", "area", "cost"))
        for row in range(count):
            town, area = int(draw.integers(3)), float(draw.uniform(40, 120))
            cost = "high" if area + 20 * town > 95 else "low"
            writer.writerow((f"2015-{1 + row % 12:02d}", TOWNS[town], "" if row % 10 == 9 else f"{area:.1f}", cost))
    return path


def clips(folder: Path, count: int = 6, frames: int = 4, side: int = 64, step: int = 8) -> Path:
    """Crops that move to the left or to the right over a texture, as GIF files in class folders."""
    from PIL import Image

    draw = np.random.default_rng(0)
    for label, way in (("left", -1), ("right", 1)):
        (folder / label).mkdir(parents=True)
        for number in range(count):
            coarse = draw.integers(0, 256, (8, 14, 3), np.uint8)
            wide = np.asarray(Image.fromarray(coarse).resize((side + step * frames, side)))
            begin = 0 if way > 0 else step * (frames - 1)
            moved = [Image.fromarray(wide[:, begin + way * step * at :][:, :side]) for at in range(frames)]
            moved[0].save(folder / label / f"{number}.gif", save_all=True, append_images=moved[1:])
    return folder


def data(modality: str, folder: Path) -> Path:
    """The examples of a modality, written into a new folder."""
    return {"audio": sounds, "table": rows, "text": texts, "video": clips}[modality](folder)


def dataset(modality: str, path: Path) -> Any:
    """What was written, read."""
    from zoo.data import from_csv, load

    if modality == "table":
        return from_csv(path, answers="cost", modality=modality)
    return load(path, modality=modality)


def model(modality: str, examples: Any) -> Any:
    """A tiny model: it learns from random weights but for clips, whose base stays as it was pretrained."""
    import zoo

    backbone, options, augment = {
        "audio": ("mel-cnn", {"width": 4, "blocks": 2, "seconds": 0.5}, ["audio-noise", "time-shift"]),
        "table": ("table_mlp", {"units": [8], "dropout": 0.2}, []),
        "text": ("embedding", {"width": 8, "dropout": 0.2}, ["word-dropout", "word-swap"]),
        "video": ("video_frames", {"frames": 3, "size": 64}, ["clip-shift", "clip-contrast"]),
    }[modality]
    head = zoo.classifier(examples, head="temporal_gru", units=4) if modality == "video" else zoo.classifier(examples)
    return zoo.build(backbone, head, options=options, augment=augment or None, seed=3)


def fit(modality: str, path: Path, run: Path, **options: Any) -> Any:
    """The run, uninterrupted unless a callback does it."""
    examples = dataset(modality, path)
    how: dict[str, Any] = {"epochs": 3, "batch_size": 4, "learning_rate": 0.01, "seed": 5, "checkpoint_every": 0.0}
    if modality == "video":  # a wide step would drive the gates of its head to their ends, and all answers to one
        how |= {"recipe": "head", "learning_rate": 0.0003}
    return model(modality, examples).fit(examples, directory=run, verbose=0, **how, **options)


def killer(epoch: int, batch: int) -> Any:
    """A callback that ends this process with signal 9, which nothing can catch, after this step."""
    import keras

    now: dict[str, int] = {}

    def on_batch(index: int, logs: Any) -> None:
        if (now["epoch"], index) == (epoch, batch):
            os.kill(os.getpid(), signal.SIGKILL)

    return keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda number, logs: now.update(epoch=number), on_train_batch_end=on_batch
    )


if __name__ == "__main__":
    fit(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), callbacks=[killer(1, 1)])
