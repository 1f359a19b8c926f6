"""Sounds are decoded, resampled, brought to one length, and refused where they are none."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from zoo.errors import DataError, OptionError
from zoo.modality import Ref
from zoo_audio import augmentations
from zoo_audio.intake import AudioIntake, Sound, fitted, resampled
from zoo_audio.sounds import Sounds

RATE = 8000
TONE = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE).astype(np.float32) * 0.5
SOUNDS = Sounds()


@pytest.mark.parametrize(("ending", "tolerance"), [("wav", 1e-4), ("flac", 1e-4), ("ogg", 0.1), ("mp3", 0.1)])
def test_every_format_is_read_as_one_channel(tmp_path, ending, tolerance):
    path = tmp_path / f"tone.{ending}"
    soundfile.write(path, np.stack([TONE, TONE * 0.5], axis=1), RATE)
    sound = SOUNDS.read(Ref(path.name, str(path)))
    assert sound.rate == RATE
    assert sound.samples.dtype == np.float32
    middle = slice(2000, 6000)
    assert np.abs(sound.samples[middle] - TONE[middle] * 0.75).max() < tolerance
    again = SOUNDS.take(path.read_bytes())
    assert SOUNDS.digest(again) == SOUNDS.digest(sound)


def test_resampling_keeps_a_tone():
    expected = np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / (2 * RATE)) * 0.5
    changed = resampled(TONE, RATE, 2 * RATE)
    assert np.abs(changed - expected)[400:-400].max() < 2e-3
    assert resampled(TONE, RATE, RATE) is TONE


@pytest.mark.parametrize(
    ("fit", "shorter", "longer"),
    [
        ("center", [0, 1, 2, 3, 0], [2, 3, 4, 5, 6]),
        ("start", [1, 2, 3, 0, 0], [1, 2, 3, 4, 5]),
        ("loop", [1, 2, 3, 1, 2], [2, 3, 4, 5, 6]),
    ],
)
def test_other_lengths(fit, shorter, longer):
    assert fitted(np.arange(1, 4, dtype=np.float32), 5, fit).tolist() == shorter
    assert fitted(np.arange(1, 8, dtype=np.float32), 5, fit).tolist() == longer


def test_length_is_that_of_the_training_part():
    clips = [Sound(np.zeros(RATE * seconds, np.float32), RATE) for seconds in (1, 2, 2)]
    assert SOUNDS.fit(clips, {}).length == 2 * 16000
    assert SOUNDS.fit((), {}).length == 16000
    assert SOUNDS.fit(clips, {"seconds": 0.5, "rate": RATE}).length == 4000
    with pytest.raises(OptionError, match="'secnds' of sounds"):
        SOUNDS.fit(clips, {"secnds": 1})
    with pytest.raises(OptionError, match=r"'mel\.window' of sounds"):
        SOUNDS.fit(clips, {"mel": {"window": "wide"}})


def test_what_is_in_memory():
    whole = (TONE * 32767).astype(np.int16)
    for item in ((whole, RATE), (np.stack([whole, whole], 1), RATE), (TONE, np.int64(RATE))):
        sound = SOUNDS.take(item)
        assert sound.rate == RATE
        assert np.abs(sound.samples - TONE).max() < 1e-4
    assert SOUNDS.take(TONE).rate == 0
    unsigned = np.array([0, 128, 255], np.uint8)
    assert SOUNDS.take((unsigned, RATE)).samples.tolist() == [-1.0, 0.0, 127 / 128]
    intake = AudioIntake(rate=RATE, length=len(TONE))
    assert np.array_equal(intake.shape(SOUNDS.take(TONE)), TONE)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (TONE * 32768, "Divide samples of 16 bits"),
        (np.array([0.0, np.nan]), "NaN"),
        (np.array([], np.float32), "no samples"),
        (np.zeros((8, 100), np.float32), r"samples \(n,\)"),
        ((TONE, 44.1), "a whole number"),
        ("tone.wav", "array of str|samples"),
        (b"RIFF and nothing", "cannot decode these bytes"),
        (io.BytesIO(b""), "cannot decode this file"),
        (object(), "a sound is"),
    ],
)
def test_what_is_no_sound(item, message):
    with pytest.raises(DataError, match=message):
        SOUNDS.take(item)


def test_damaged_and_long_files(tmp_path, monkeypatch):
    path = tmp_path / "cut.flac"
    soundfile.write(path, TONE, RATE)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataError, match=r"cannot decode .*cut\.flac"):
        SOUNDS.read(Ref(path.name, str(path)))
    monkeypatch.setattr("zoo_audio.sounds.LONGEST", 0.5)
    long = tmp_path / "long.wav"
    soundfile.write(long, TONE, RATE)
    with pytest.raises(DataError, match="lasts 1 s"):
        SOUNDS.read(Ref(long.name, str(long)))


def test_problems_and_picture():
    def said(samples):
        return [problem.what for problem in SOUNDS.problems(Sound(samples, RATE))]

    assert said(TONE) == []
    assert said(TONE * 0) == ["it is silent"]
    assert said(np.sign(TONE)) == [f"{np.mean(np.abs(np.sign(TONE)) > 0.5):.0%} of its samples are at full scale"]
    assert said(TONE[:100]) == ["it lasts 0.013 s"]
    thumbnail = SOUNDS.show(Sound(TONE, RATE))
    assert thumbnail.text == "1.00 s, 8000 Hz"
    from PIL import Image

    pixels = np.asarray(Image.open(io.BytesIO(thumbnail.png)).convert("L"), float)
    loudest = pixels.sum(axis=1).argmax() / len(pixels)
    assert 0.6 < loudest < 0.95  # 440 Hz of 4,000: near the bottom


@pytest.mark.parametrize("spec", augmentations.SPECS, ids=lambda spec: spec.name)
def test_augmentations_repeat_and_can_be_turned_off(spec):
    factory = getattr(augmentations, spec.factory.partition(":")[2])
    sound = Sound(TONE, RATE)
    changed, again, other = (factory()(sound, seed) for seed in (3, 3, 4))
    assert np.array_equal(changed.samples, again.samples)
    assert not np.array_equal(changed.samples, other.samples)
    assert changed.samples.dtype == np.float32
    assert np.isfinite(changed.samples).all()
    options = getattr(augmentations, spec.options.partition(":")[2])
    if spec.name != "audio-noise":
        off = factory(**dict.fromkeys(options.model_fields, 0.0))(sound, 3)
        assert np.array_equal(off.samples, TONE)


def test_augmentations_change_what_they_say():
    def frequency(samples):
        return np.abs(np.fft.rfft(samples * np.hanning(len(samples)))).argmax() * RATE / len(samples)

    sound = Sound(TONE, RATE)
    higher = [augmentations.pitch(semitones=12)(sound, seed) for seed in range(6)]
    assert {len(clip.samples) for clip in higher} == {RATE}
    draws = [np.random.default_rng(seed).uniform(-12, 12) for seed in range(6)]
    for clip, draw in zip(higher, draws, strict=True):
        assert frequency(clip.samples[1000:-2000]) == pytest.approx(440 * 2 ** (draw / 12), rel=0.04)
    noisy = augmentations.noise(snr_low=10, snr_high=10)(sound, 0).samples
    assert 10 * np.log10(np.mean(TONE**2) / np.mean((noisy - TONE) ** 2)) == pytest.approx(10, abs=0.2)
