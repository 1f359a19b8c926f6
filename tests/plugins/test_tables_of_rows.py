"""Tables: cells as they are written, the intake, the network, yardsticks beside it, what is held out by a column."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.errors import DataError, OptionError
from zoo.testing import ModalityConformance
from zoo_tables.cells import american, days, middle, number, text_of, years
from zoo_tables.fitting import fit_intake, kind_of
from zoo_tables.intake import TableIntake
from zoo_tables.rows import Tables

TOWNS = ("ANG MO KIO", "BEDOK", "CLEMENTI", "DOVER")


def write(path: Path, rows: int = 240) -> Path:
    """Prices that follow a rule, from January to December 2015; every tenth lease is missing."""
    draw = random.Random(0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("month", "town", "storeys", "lease", "area", "price"))
        for row in range(rows):
            town, low, area = draw.randrange(4), draw.randrange(1, 20), draw.uniform(40, 120)
            left = f"{draw.randrange(50, 90)} years {draw.randrange(12):02d} months" if row % 10 else ""
            price = 1000 * area + 500 * low + 20_000 * town
            month = f"2015-{1 + row * 12 // rows:02d}"
            writer.writerow((month, TOWNS[town], f"{low:02d} TO {low + 2:02d}", left, f"{area:.1f}", round(price)))
    return path


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("tables") / "prices.csv")


@pytest.fixture(scope="module")
def rows(prices: Path) -> list[dict[str, str]]:
    modality = Tables()
    return [modality.read(ref) for ref in modality.examples(prices)]


class TestTableModality(ModalityConformance):
    name = "zoo_tables:table"

    @pytest.fixture(autouse=True)
    def _source(self, prices: Path) -> None:
        type(self).path = prices

    def source(self) -> Path:
        return self.path


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (number, "1,234.5", 1234.5), (number, "$ 3e2", 300), (number, "12 %", 12), (number, "12a", None),
        (years, "61 years 04 months", 61 + 4 / 12), (years, "1 day", 1 / 365.25), (years, "61", None),
        (middle, "10 TO 12", 11), (middle, "1.5-2.5", 2), (middle, "12 TO 10", None),
        (days, "1970-02", 31), (days, "1970-01-02 12:00", 1.5), (days, "31/01/1970", 30), (days, "2015-13", None),
        (american, "01/31/1970", 30),
    ],
)  # fmt: skip
def test_cells_are_read_as_they_are_written(read, text: str, value: float | None) -> None:
    assert read(text) == (None if value is None else pytest.approx(value))


def test_a_cell_is_the_same_text_however_it_is_handed_over() -> None:
    assert {text_of(value) for value in (60, 60.0, "60", " 60.0 ", np.float32(60), np.int64(60))} == {"60"}
    assert [text_of(value) for value in (None, float("nan"), "n/a", "")] == [""] * 4
    assert text_of("007") == "007"
    with pytest.raises(TypeError):
        text_of(object())


def test_columns_are_told_apart(rows: list[dict[str, str]]) -> None:
    intake = fit_intake(rows, {})
    assert {column.name: column.kind for column in intake.columns} == {
        "month": "date", "town": "category", "storeys": "range", "lease": "duration", "area": "number",
        "price": "number",
    }  # fmt: skip
    assert [column.name for column in intake.gaps] == ["lease"]
    assert kind_of(["70"] * 50 + ["69 years 11 months"] * 50) == "duration"
    assert kind_of(["01/13/2015"] * 9) == "american date"
    assert kind_of(["a", "1", "2"]) == "category"


def test_the_array_holds_numbers_flags_and_codes_and_the_graph_normalizes(rows: list[dict[str, str]]) -> None:
    import keras

    intake = fit_intake(rows, {"drop": ["price"]})
    arrays = np.stack([intake.shape(row) for row in rows])
    inputs = intake.inputs()
    normal = np.asarray(keras.Model(inputs, intake.front(inputs))(arrays))
    numbers = len(intake.numbers)
    np.testing.assert_allclose(normal[:, [0, 1, 3]].mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(normal[:, [0, 1, 3]].std(axis=0), 1, atol=1e-3)
    np.testing.assert_array_equal(normal[:, numbers:], arrays[:, numbers:])
    assert arrays[:, numbers].sum() == 24  # every tenth lease
    assert sorted(set(arrays[:, -1])) == [1, 2, 3, 4]


def test_what_was_not_seen_has_a_code_and_what_cannot_be_read_an_error(rows: list[dict[str, str]]) -> None:
    intake = fit_intake(rows, {})
    assert intake.shape(rows[0] | {"town": "ELSEWHERE"})[-1] == 0
    assert intake.shape(rows[0] | {"lease": "70"})[2] == pytest.approx(70)
    with pytest.raises(DataError, match="'area' holds a number and cannot read 'large'"):
        intake.shape(rows[0] | {"area": "large"})
    with pytest.raises(DataError, match="no 'town'"):
        intake.shape({name: cell for name, cell in rows[0].items() if name != "town"})
    with pytest.raises(OptionError, match="no column 'city'"):
        fit_intake(rows, {"drop": ["city"]})


def test_rare_categories_share_the_code_of_unknown_ones(rows: list[dict[str, str]]) -> None:
    odd = [row | {"town": "ONCE"} if place == 0 else row for place, row in enumerate(rows)]
    (town,) = fit_intake(odd, {"min_count": 2}).categories
    assert town.categories == TOWNS


def test_rows_from_anywhere_are_the_same(prices: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_csv(prices)
    modality = Tables()
    first = modality.read(next(modality.examples(prices)))
    second = next(ref for ref in modality.examples(prices) if ref.part == 1)
    record = frame.to_dict("records")[1]
    assert modality.take(record) == modality.take(frame.iloc[1]) == modality.read(second)
    assert first["lease"] == ""
    assert modality.take(np.array([1.5, 2.0])) == {"x0": "1.5", "x1": "2"}


@pytest.mark.slow
def test_yardsticks_know_the_rule() -> None:
    from zoo_tables.yardsticks import fitted

    draw = np.random.default_rng(0)
    arrays = draw.normal(size=(400, 2)).astype(np.float32)
    values = (3 * arrays[:, :1] - arrays[:, 1:]).astype(np.float32)
    answers = dict(fitted(TableIntake(), arrays, values, "regression", 0))
    errors = {name: np.abs(scores(arrays) - values).mean() for name, scores in answers.items()}
    assert errors["linear model"] < 0.05
    assert errors["boosted trees"] < 0.5


@pytest.fixture(scope="module")
def run(prices: Path, tmp_path_factory: pytest.TempPathFactory):
    model = zoo.build("table_mlp", zoo.regressor(["price"]), options={"units": [32, 16]})
    folder = tmp_path_factory.mktemp("run") / "run"
    return model.fit(prices, validation={"month": ">=2015-11"}, epochs=30, batch_size=16, directory=folder)


@pytest.mark.slow
def test_later_months_are_held_out_and_models_stand_side_by_side(run, prices: Path) -> None:
    data = run.record.results.data
    assert (data.train, data.validation) == (200, 40)
    assert run.record.plan.validation.source == '{"month": ">=2015-11"}'
    assert run.recipe.name == "table"
    compared = run.record.results.beside
    assert [row.name for row in compared.yardsticks] == ["linear model", "boosted trees"]
    assert compared.network["validation"] == pytest.approx(run.validation.mae, rel=1e-4)
    assert compared.network["validation"] < 20_000
    assert list(compared.importance)[:1] == ["area"]
    assert any("boosted trees" in notice for notice in run.notices)
    html = run.report().read_text()
    assert "Beside simple models" in html
    assert "worse by" in html


def test_predict_equals_call_and_what_was_saved(run, prices: Path, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    model, frame = run.model, pandas.read_csv(prices)
    plain = model.predict_scores(prices)
    arrays = np.stack([model.composition.intake.shape(Tables().take(row)) for row in frame.to_dict("records")])
    np.testing.assert_allclose(np.asarray(model.composition.serving(arrays)), plain, rtol=1e-5)
    loaded = zoo.load(model.save(tmp_path / "prices.keras"))
    np.testing.assert_array_equal(loaded.predict_scores(frame), plain)
    one = loaded.predict(frame.drop(columns="price").to_dict("records")[5])[0]
    assert one.values["price"] == pytest.approx(plain[5, 0], rel=1e-5)
    assert loaded.embed(prices).array.shape == (240, 16)
    assert loaded.evaluate(prices).mae > 0


def test_a_column_that_is_not_there_is_one_error(prices: Path) -> None:
    model = zoo.build("table_mlp", zoo.regressor(["price"]))
    with pytest.raises(OptionError, match="no column 'mont' to hold out by"):
        model.fit(prices, validation={"mont": ">=2015-11"})
    with pytest.raises(DataError, match="means none of its 240 examples"):
        model.fit(prices, validation={"month": "2016-07"})


@pytest.mark.slow
def test_a_run_that_is_cut_ends_as_one_that_was_not(prices: Path, tmp_path: Path) -> None:
    from helpers.resumable import Cut, cut_at, digest

    def fit(folder: Path, *callbacks):
        model = zoo.build("table_mlp", zoo.regressor(["price"]), options={"units": [16], "dropout": 0.2}, seed=3)
        rules = {"validation": {"month": ">=2015-11"}, "test": {"month": "2015-12"}}
        how = {"epochs": 3, "batch_size": 32, "checkpoint_every": 0, "seed": 5}
        return model.fit(prices, directory=folder, callbacks=list(callbacks), **rules, **how)

    whole = fit(tmp_path / "whole")
    with pytest.raises(Cut):
        fit(tmp_path / "run", cut_at(1, 2))
    done = zoo.resume(tmp_path / "run")
    assert done.history == whole.history
    assert digest(done.model) == digest(whole.model)
    assert done.record.results.beside.importance == whole.record.results.beside.importance
    assert (done.record.results.data.validation, done.record.results.data.test) == (20, 20)
