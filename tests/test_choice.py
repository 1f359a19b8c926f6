"""Which backbone for examples other than images: fitted and judged by folds, and told with the difference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import modal_runs

import zoo
from zoo.errors import DataError, OptionError
from zoo.evaluation import mcnemar
from zoo.ranking import Choice, Fitted


def row(name: str, right: list[bool], log_loss: float) -> Fitted:
    share = float(np.mean(right))
    return Fitted(name, share, (max(0.0, share - 0.1), min(1.0, share + 0.1)), log_loss, 1.0, "", np.array(right))


def choice(*rows: Fitted) -> Choice:
    return Choice(rows, data="texts", modality="text", examples=40, folds=5)


def test_the_best_is_told_with_its_lead() -> None:
    good, bad = row("good", [True] * 38 + [False] * 2, 0.2), row("bad", [True] * 20 + [False] * 20, 0.9)
    chosen = choice(bad, good)
    assert [one.name for one in chosen] == ["good", "bad"]
    assert not chosen[1].tie
    assert chosen[1].p_value == mcnemar(bad.right, good.right) < 0.05
    assert "Best: good, 95.0 % right" in chosen.sentences()[0]
    assert chosen.sentences()[1].startswith("bad is 45.0 points worse (paired test, p = ")
    assert chosen.next_command("texts") == "zoo fit texts --backbone good"
    assert chosen.to_dict()["candidates"][1]["backbone"] == "bad"


def test_what_chance_may_explain_is_a_tie_and_the_log_loss_decides() -> None:
    sure, unsure = row("sure", [True] * 37 + [False] * 3, 0.1), row("unsure", [True] * 38 + [False] * 2, 0.6)
    chosen = choice(unsure, sure)
    assert chosen.best.name == "sure"
    assert chosen.sentences()[1].startswith("unsure is 2.5 points better")
    assert "cannot tell from chance" in chosen.sentences()[1]
    assert "the only backbone for examples of 'text'" in choice(sure).sentences()[1]


def test_what_cannot_work_is_refused_before_anything_is_fitted(tmp_path: Path) -> None:
    folder = modal_runs.texts(tmp_path / "texts", 4)
    with pytest.raises(OptionError, match="input_sizes= is for networks of images"):
        zoo.recommend(folder, input_sizes=[64])
    with pytest.raises(OptionError, match="no candidate is for examples of 'text'"):
        zoo.recommend(folder, ["mel-cnn"])
    with pytest.raises(DataError, match="Add images, or take folds=2"):
        zoo.recommend(folder, ["tfidf"], folds=50)


@pytest.mark.slow
def test_bases_of_texts_are_fitted_on_what_they_are_not_judged_on(tmp_path: Path) -> None:
    folder = modal_runs.texts(tmp_path / "texts", 12)
    chosen = zoo.recommend(folder, ["tfidf", "embedding", "mel-cnn"], folds=2, verbose=0)
    assert isinstance(chosen, Choice)
    assert {one.name for one in chosen} == {"tfidf", "embedding"}
    assert [(item.name, item.reason) for item in chosen.skipped] == [("mel-cnn", "for examples of 'audio'")]
    assert chosen.examples == 24
    assert chosen.best.accuracy > 0.7
    page = chosen.to_html(tmp_path / "page.html").read_text(encoding="utf-8")
    assert chosen.sentences()[0] in page
    # Answers shuffled among the texts: nothing can be known, so whoever peeked would be found out.
    data = zoo.examples(
        [file.read_text() for file in sorted(folder.rglob("*.txt"))],
        np.random.default_rng(1).permutation(["a", "b"] * 12).tolist(),
        modality="text",
    )
    assert zoo.recommend(data, ["tfidf"], folds=2, verbose=0).best.accuracy < 0.75
