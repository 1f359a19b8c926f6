"""Sounds and texts from a folder to a saved model and back, in Python and on the command line."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import soundfile
from helpers.modal_runs import RATE, WORDS, sounds, texts

import zoo
from zoo.cli.main import main
from zoo.data import load
from zoo.errors import DataError
from zoo.page import thumbnail
from zoo.reporting.occlusion import speaking_for
from zoo.testing import ModalityConformance
from zoo_audio.intake import Sound
from zoo_audio.sounds import Sounds
from zoo_text.texts import Texts


@pytest.fixture(scope="module", params=["audio", "text"])
def story(request, tmp_path_factory):
    """Modality, folder, and the base that is fast to test with and has no weights to fetch."""
    folder = tmp_path_factory.mktemp(request.param) / "data"
    if request.param == "text":
        return request.param, texts(folder), "tfidf", {"options": {"most": 200}}
    small = {"options": {"width": 4, "blocks": 2, "seconds": 0.5}, "weights": None}
    return request.param, sounds(folder), "mel-cnn", small


@pytest.fixture(scope="module")
def fitted(story):
    modality, folder, backbone, how = story
    model = zoo.build(backbone, head=zoo.classifier(folder), **how)
    recipe = {"recipe": "scratch", "epochs": 2} if modality == "audio" else {"recipe": "probe"}
    return model, model.fit(folder, **recipe)


def arrays(model, folder):
    dataset = zoo.examples(sorted(folder.rglob("*.*")), modality=model.composition.intake.kind)
    return np.stack([model.composition.intake.shape(dataset.example(row)) for row in range(len(dataset))]).astype(
        np.float32
    )


def test_predict_is_call_is_saved(story, fitted, tmp_path):
    _, folder, _, _ = story
    model, run = fitted
    files = sorted(folder.rglob("*.*"))
    predicted = model.predict_scores(files)
    called = np.asarray(model.keras_model(arrays(model, folder)))
    assert np.abs(predicted - called).max() < 1e-6
    assert predicted.std(axis=0).max() > 1e-4
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = zoo.load(path)
    assert loaded.composition.intake == model.composition.intake
    again = loaded.predict_scores(files)
    assert np.abs(again - predicted).max() < 1e-6
    script = "import sys, keras, numpy as np; sys.modules['zoo'] = None\n"
    script += "m = keras.saving.load_model(sys.argv[1], compile=False); x = np.load(sys.argv[2])\n"
    script += "np.save(sys.argv[3], m.predict(x, verbose=0))"
    np.save(tmp_path / "x.npy", arrays(model, folder))
    subprocess.run(
        [sys.executable, "-c", script, path, tmp_path / "x.npy", tmp_path / "y.npy"], check=True, timeout=300
    )
    assert np.abs(np.load(tmp_path / "y.npy") - called).max() < 1e-6
    assert run.validation.accuracy is not None


def test_verbs_of_the_command_line(story, fitted, tmp_path, capsys):
    modality, folder, _, _ = story
    model, _ = fitted
    path = tmp_path / "model.keras"
    model.save(path)

    def said(*arguments):
        code = main([*map(str, arguments)])
        printed = capsys.readouterr()
        assert code == 0, printed.err
        return printed.out

    answer = json.loads(said("evaluate", folder, "--model", path, "--json"))
    assert answer["accuracy"] == model.evaluate(folder).accuracy
    example = "the goal of the week" if modality == "text" else str(sorted(folder.rglob("*.wav"))[0])
    printed = said("predict", example, "--model", path)
    assert (
        printed.removeprefix(str(example)).split()[-4]
        == model.predict(example if modality == "text" else str(example))[0].label
    )
    assert "nothing found" in said("lint", folder)


def test_report_shows_the_examples(fitted):
    model, run = fitted
    page = Path(zoo.report(run)).read_text(encoding="utf-8")
    if model.composition.intake.kind == "audio":
        assert "data:image/png" in page
        assert re.search(r'<audio controls aria-label="[^"]+" src="data:audio/wav;base64,', page)
        assert "media-src data:" in page
        assert len(page) < 5_000_000
    else:
        assert re.search(r"· for it: \w+ \+\d", page)
        assert "in log odds or in the value" in page
        assert "<audio" not in page
    assert "NaN" not in page


def test_what_speaks_for_an_answer_is_what_its_score_falls_without() -> None:
    data = zoo.examples(
        ["goal team", "goal cup", "chip code", "chip data"] * 4, ["sport", "sport", "tech", "tech"] * 4, modality="text"
    )
    model = zoo.build("tfidf", head=zoo.classifier(data), options={"least": 1})
    model.fit(data, recipe="probe", verbose=0)
    text = "Goal and chip, goal"
    speaks, against = speaking_for(model.composition, Texts(), text, 0)
    whole, without = (np.log(p / (1 - p)) for p in model.predict_scores([text, "  and chip,  "])[:, 0].astype(float))
    assert speaks == f"goal {whole - without:+.2g}"
    assert against.startswith("chip -")
    assert next(Texts().without(text)) == ("goal", "  and chip,  ")


def test_a_sound_that_plays_is_short_and_one_that_is_long_says_so() -> None:
    long = Sound(np.zeros(RATE * 9, np.float32), RATE)
    shown = Sounds().show(long)
    assert "the first 4 s play" in shown.text
    played, rate = soundfile.read(io.BytesIO(shown.wav))
    assert (len(played), rate) == (4 * RATE, RATE)
    fast = Sounds().show(Sound(np.zeros(48_000, np.float32), 48_000))
    assert len(soundfile.read(io.BytesIO(fast.wav))[0]) == 16_000
    assert "<audio" not in str(thumbnail(None, "long", wav=b"0" * 500_000))


def test_what_keras_reads_from_folders_is_known_by_the_names_of_its_classes(tmp_path: Path) -> None:
    import keras

    of_texts = keras.utils.text_dataset_from_directory(
        texts(tmp_path / "texts", 6), batch_size=5, seed=3, verbose=False
    )
    folder = sounds(tmp_path / "sounds", 4)
    of_sounds = keras.utils.audio_dataset_from_directory(folder, batch_size=3, seed=3, verbose=False)
    for stream, modality, order in ((of_texts, "text", ("tech", "sport")), (of_sounds, "audio", ("low", "high"))):
        assert stream.class_names != list(order)
        data = load(stream, labels=order, modality=modality)
        assert data.labels == order
        for index, place in enumerate(data.targets):
            example = data.example(index)
            if modality == "text":
                assert set(example.split()) & set(WORDS[order[place]])
            else:  # a high tone crosses zero more often
                high = np.abs(np.diff(np.sign(example.samples[2000:3500]))).sum() / 2 > 300
                assert order[place] == ("high" if high else "low")


def test_one_example_a_line(tmp_path: Path) -> None:
    for label, words in WORDS.items():
        (tmp_path / f"{label}.txt").write_text("\n\n".join(f"{word} of the week" for word in words), encoding="utf-8")
    data = zoo.dataset("text-lines", path=tmp_path)
    assert (len(data), data.labels, data.counts()) == (20, ("sport", "tech"), {"sport": 10, "tech": 10})
    assert data.example(0) == "match of the week"
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match=r"no \.txt file with lines"):
        zoo.dataset("text-lines", path=empty)


class TestAudio(ModalityConformance):
    name = "zoo_audio:audio"
    options: ClassVar = {"rate": RATE}

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _folder(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        cls.folder = sounds(tmp_path_factory.mktemp("sounds") / "data", 2)

    def source(self) -> Path:
        return self.folder


class TestText(ModalityConformance):
    name = "zoo_text:text"
    options: ClassVar = {"least": 1}

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _folder(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        cls.folder = texts(tmp_path_factory.mktemp("texts") / "data", 2)

    def source(self) -> Path:
        return self.folder
