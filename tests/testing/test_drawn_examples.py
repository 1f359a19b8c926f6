"""Augmentations of sounds, texts and clips are checked on examples that their modality draws; what is wrong is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from zoo.data.modalities import kind_of
from zoo.testing import AugmentationConformance


def suite(entry: str, function: Callable[[Any, int], Any] | None = None) -> AugmentationConformance:
    """The suite of an augmentation; with a function in place of what its factory makes."""
    body: dict[str, Any] = {"name": entry, "abstract": False}
    if function is not None:
        body["call"] = lambda self, *args, **kwargs: function
    made: AugmentationConformance = type("Suite", (AugmentationConformance,), body)()
    return made


def outcomes(made: AugmentationConformance) -> dict[str, str]:
    return {check: made.run(check).outcome for check in made.checks()}


@pytest.mark.parametrize(
    "entry", ["zoo_audio:volume", "zoo_text:word-swap", "zoo_video:clip-shift", "zoo_video:clip-contrast"]
)
def test_nothing_is_skipped(entry: str) -> None:
    assert set(outcomes(suite(entry)).values()) == {"passed"}


def write_into(sound: Any, seed: int) -> Any:
    sound.samples[:] *= 1 + seed / 100
    return sound


WRONG: dict[str, tuple[str, Callable[[Any, int], Any]]] = {
    "check_returns_only_the_example": ("zoo_text:word-swap", lambda text, seed: text.split()),
    "check_dtype_kept": (
        "zoo_audio:volume",
        lambda sound, seed: sound._replace(samples=sound.samples * np.float64(0.5)),
    ),
    "check_shape_kept": ("zoo_video:clip-shift", lambda clip, seed: np.roll(clip, seed, axis=1)[:, :-1, :, :1]),
    "check_input_left_alone": ("zoo_audio:volume", write_into),
    "check_same_seed_same_example": (
        "zoo_text:word-dropout",
        lambda text, seed: text[: np.random.default_rng().integers(5, 100)],
    ),
    "check_does_something": ("zoo_audio:volume", lambda sound, seed: sound),
}


@pytest.mark.parametrize("check", WRONG)
def test_each_check_sees_what_it_is_for(check: str) -> None:
    entry, function = WRONG[check]
    assert suite(entry, function).run(check).outcome == "failed"


@pytest.mark.parametrize("name", ["audio", "text", "video"])
def test_a_modality_draws_the_same_for_a_seed_and_another_for_another(name: str) -> None:
    code: Any = kind_of(name).code
    first, again, other = (code.digest(code.drawn(seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert not list(code.problems(code.drawn(1)))
