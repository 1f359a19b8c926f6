"""The convex probe: scikit-learn as the reference, the exactness of the folding, and data that is hard to fold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zoo.errors import DataError, OptionError
from zoo.features.probe import Probe, axes, cross_validation, fit_probe, probing, rows


@pytest.fixture(scope="module")
def thumbnails(shared_data: Path) -> tuple[np.ndarray, np.ndarray]:
    """150 real flowers as 8 x 8 thumbnails: (150, 192), more features than rows."""
    from PIL import Image

    rows, targets = [], []
    for target, folder in enumerate(sorted((shared_data / "flowers5").iterdir())):
        for file in sorted(folder.iterdir())[:30]:
            with Image.open(file) as image:
                rows.append(np.asarray(image.convert("RGB").resize((8, 8)), np.float32).ravel())
            targets.append(target)
    return np.stack(rows), np.array(targets)


def objective(probe: Probe, values: np.ndarray, targets: np.ndarray, weights: np.ndarray | float = 1.0) -> float:
    """F of the module's docstring, from the returned head alone."""
    logits = values.astype(np.float64) @ probe.kernel.astype(np.float64) + probe.bias
    logits -= logits.max(axis=1, keepdims=True)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    loss = -(weights * log_p[np.arange(len(targets)), targets]).sum()
    return float(probe.c * loss + 0.5 * ((probe.kernel * probe.scale[:, None]) ** 2).sum())


def reference(values: np.ndarray, targets: np.ndarray, scale: np.ndarray, c: float, class_weight=None):
    """scikit-learn's solution on the same standardized features, and the value of its objective."""
    from sklearn.linear_model import LogisticRegression

    x = (values.astype(np.float64) - values.astype(np.float64).mean(axis=0)) / scale
    model = LogisticRegression(C=c, tol=1e-7, max_iter=20_000, class_weight=class_weight).fit(x, targets)
    weights = np.ones(len(targets))
    if class_weight is not None:
        from sklearn.utils.class_weight import compute_sample_weight

        weights = compute_sample_weight(class_weight, targets)
    log_p = model.predict_log_proba(x)
    loss = -(weights * log_p[np.arange(len(targets)), np.searchsorted(model.classes_, targets)]).sum()
    return model, x, float(c * loss + 0.5 * (model.coef_**2).sum()), weights


@pytest.mark.parametrize("c", [1.0, 100.0])
@pytest.mark.parametrize("name", ["digits", "thumbnails"])
def test_solution_is_scikit_learns(name: str, c: float, request: pytest.FixtureRequest) -> None:
    values, targets = request.getfixturevalue(name)
    probe = fit_probe(values, targets, n_classes=int(targets.max()) + 1, cs=[c])
    model, x, best, _ = reference(values, targets, probe.scale, c)
    assert probe.converged
    assert probe.objective == pytest.approx(best, rel=1e-6)
    assert objective(probe, values, targets) == pytest.approx(best, rel=1e-6)
    scores = probe.scores(values)
    np.testing.assert_allclose(scores, model.predict_proba(x), atol=2e-3)
    assert (scores.argmax(axis=1) == targets).mean() == model.score(x, targets)


# -- many rows, and several views of an image ---------------------------------------------------------------------


@pytest.fixture
def streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the features were many: read in blocks of some 80 rows, never copied."""
    monkeypatch.setattr(axes, "SMALL", 0)
    monkeypatch.setattr(rows, "BLOCK", 5000)
    monkeypatch.setattr(rows, "BLOCK_ROWS", 1)
    monkeypatch.setattr(probing, "rotate", lambda values: pytest.fail("copied into memory"))


@pytest.mark.parametrize("c", [1.0, 100.0])
def test_block_by_block_the_solution_is_scikit_learns(digits, c: float, streamed) -> None:
    values, targets = digits
    probe = fit_probe(values, targets, n_classes=10, cs=[c])
    model, x, best, _ = reference(values, targets, probe.scale, c)
    assert probe.converged
    assert objective(probe, values, targets) == pytest.approx(best, rel=1e-6)
    np.testing.assert_allclose(probe.scores(values), model.predict_proba(x), atol=2e-3)


@pytest.mark.parametrize(("factor", "offset"), [(1.0, 0.0), (1e12, 0.0), (1.0, 1000.0)])
def test_block_by_block_the_same_c_is_chosen(digits, factor: float, offset: float, request) -> None:
    values, targets = digits[0] * np.float32(factor) + np.float32(offset), digits[1]
    keep = targets != 4  # a class without rows
    values, targets = values[keep], targets[keep]
    plain = fit_probe(values, targets, n_classes=10, class_weight="balanced")
    request.getfixturevalue("streamed")
    blocked = fit_probe(values, targets, n_classes=10, class_weight="balanced")
    assert blocked.c == plain.c
    assert blocked.cv_accuracy == pytest.approx(plain.cv_accuracy, abs=0.003)
    assert blocked.objective == pytest.approx(plain.objective, rel=2e-6)
    np.testing.assert_allclose(blocked.scores(values), plain.scores(values), atol=2e-3)


def test_views_weigh_as_much_as_one_image(digits) -> None:
    """Every image twice as two views: the same problem, so the same solution at the same C."""
    values, targets = digits
    plain = fit_probe(values, targets, n_classes=10, cs=[1.0, 100.0], class_weight="balanced")
    twice = np.concatenate([values, values])
    viewed = fit_probe(twice, targets, n_classes=10, cs=[1.0, 100.0], class_weight="balanced", views=2)
    assert viewed.c == plain.c
    assert viewed.cv_accuracy == pytest.approx(plain.cv_accuracy, abs=0.003)
    assert viewed.objective == pytest.approx(plain.objective, rel=1e-6)
    np.testing.assert_allclose(viewed.scores(values), plain.scores(values), atol=2e-3)


def test_views_of_an_image_never_straddle_folds() -> None:
    """Labels at random, three near copies of each row: a probe that has seen a copy would be right."""
    rng = np.random.default_rng(0)
    values, targets = rng.normal(size=(120, 40)).astype(np.float32), rng.integers(0, 4, 120)
    near = [values, *(values + rng.normal(size=values.shape).astype(np.float32) * 0.05 for _ in range(2))]
    assert fit_probe(np.concatenate(near), targets, n_classes=4, views=3).cv_accuracy < 0.4
    mixed = fit_probe(np.concatenate(near), np.tile(targets, 3), n_classes=4)
    assert mixed.cv_accuracy > 0.5  # as rows of their own they do


def test_rows_on_disk_solve_as_rows_in_memory(digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from zoo.features import Features
    from zoo.features.extraction import Kept

    values, targets = digits
    parts = []
    for number, start in enumerate(range(0, 700, 96)):
        np.save(tmp_path / f"{number}.npy", values[start : start + 96])
        parts.append(np.load(tmp_path / f"{number}.npy", mmap_mode="r"))
    everywhere = np.random.default_rng(1).permutation(2000)[:700]  # images of a larger dataset, in any order
    features = Features(everywhere, (), 0.0, 0, parts)
    np.testing.assert_array_equal(features.rows_of(everywhere[[5, 2, 2, 699]]), [5, 2, 2, 699])
    with pytest.raises(KeyError):
        features.of(np.setdiff1d(np.arange(2000), everywhere)[:1])
    kept = Kept(features, everywhere[100:])
    assert kept.shape == (600, 64)
    np.testing.assert_array_equal(kept[10:20], values[110:120])
    np.testing.assert_array_equal(kept[np.array([3, 599, 3])], values[[103, 699, 103]])
    monkeypatch.setattr(axes, "SMALL", 0)
    on_disk = fit_probe(kept, targets[100:], n_classes=10, cs=[10.0])
    in_memory = fit_probe(values[100:], targets[100:], n_classes=10, cs=[10.0])
    np.testing.assert_array_equal(on_disk.kernel, in_memory.kernel)


def test_two_outputs_are_a_binary_regression(digits) -> None:
    values, targets = digits
    chosen = (targets == 3) | (targets == 8)
    values, targets = values[chosen], (targets[chosen] == 8).astype(np.int64)
    probe = fit_probe(values, targets, n_classes=2, cs=[10.0])
    # One weight vector v has the penalty |v|^2 / 2, two of +v/2 and -v/2 have |v|^2 / 4: half of it, so that
    # the same solution belongs to twice the C.
    model, x, _, _ = reference(values, targets, probe.scale, 20.0)
    np.testing.assert_allclose(probe.scores(values), model.predict_proba(x), atol=1e-3)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 5.0, 3: 0.2}])
def test_class_weights_are_scikit_learns(digits, class_weight) -> None:
    values, targets = digits
    keep = (targets > 0) | (np.arange(len(targets)) % 4 == 0)  # few zeros
    values, targets = values[keep], targets[keep]
    probe = fit_probe(values, targets, n_classes=10, class_weight=class_weight, cs=[30.0])
    _, _, best, weights = reference(values, targets, probe.scale, 30.0, class_weight)
    assert objective(probe, values, targets, weights) == pytest.approx(best, rel=1e-6)


def test_solution_is_stationary_on_the_features_as_they_come(thumbnails) -> None:
    """The gradient of F by the raw kernel vanishes: checks scale, center and rotation without a second solver."""
    values, targets = thumbnails
    probe = fit_probe(values, targets, n_classes=5, cs=[100.0])
    residual = probe.scores(values).astype(np.float64) - np.eye(5)[targets]
    centered = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
    gradient = probe.c * (centered / probe.scale).T @ residual + probe.kernel * probe.scale[:, None]
    assert np.abs(gradient).max() < 0.02
    assert np.abs((centered / probe.scale).T @ np.eye(5)[targets]).max() * probe.c > 100  # what it was at the start


def test_scale_and_offset_of_the_features_do_not_matter(digits) -> None:
    values, targets = digits
    plain = fit_probe(values, targets, n_classes=10)
    for factor, offset in [(1e12, 0.0), (1.0, 1000.0)]:
        other = fit_probe((values * factor + offset).astype(np.float32), targets, n_classes=10)
        assert other.c == plain.c
        assert other.cv_accuracy == pytest.approx(plain.cv_accuracy, abs=0.003)
        np.testing.assert_allclose(
            other.scores((values * factor + offset).astype(np.float32)), plain.scores(values), atol=0.02
        )


def test_many_rows_are_sampled_for_the_choice_only(digits, monkeypatch: pytest.MonkeyPatch) -> None:
    values, targets = digits
    monkeypatch.setattr(cross_validation, "FOLD_ROWS", 200)
    number = cross_validation.fold_numbers(values, targets, seed=0)
    assert (number >= 0).sum() == 200
    share = np.bincount(targets) * 200 / 700
    assert np.abs(np.bincount(targets[number >= 0], minlength=10) - share).max() <= 1
    probe = fit_probe(values, targets, n_classes=10, cs=[10.0])
    assert objective(probe, values, targets) == pytest.approx(probe.objective, rel=1e-6)


def test_same_seed_same_bits(thumbnails) -> None:
    first, second = (fit_probe(*thumbnails, n_classes=5, seed=7) for _ in range(2))
    np.testing.assert_array_equal(first.kernel, second.kernel)
    np.testing.assert_array_equal(first.bias, second.bias)
    assert first.candidates == second.candidates
    assert first.kernel.dtype == first.bias.dtype == np.float32


def test_shuffled_labels_are_at_chance(digits) -> None:
    values, targets = digits
    probe = fit_probe(values, np.random.default_rng(0).permutation(targets), n_classes=10)
    assert probe.cv_accuracy < 0.2
    assert probe.cv_log_loss == pytest.approx(np.log(10), abs=0.15)
    assert np.isfinite(probe.kernel).all()


def test_classes_with_no_or_one_row(thumbnails) -> None:
    values, targets = thumbnails
    keep = (targets < 3) | (np.arange(150) == 100)  # class 3: one row; class 4: none
    values, targets = values[keep], targets[keep]
    assert np.bincount(targets, minlength=6).tolist() == [30, 30, 30, 1, 0, 0]
    probe = fit_probe(values, targets, n_classes=6)
    assert np.isfinite(probe.kernel).all()
    assert np.isfinite(probe.bias).all()
    assert probe.kernel.shape == (values.shape[1], 6)
    scores = probe.scores(values)
    assert scores[:, 4:].max() <= (1 + 1e-4) / (len(values) + 1)
    assert not probe.kernel[:, 4:].any()
    # The classes with rows are what they would be without the others.
    alone = fit_probe(values, targets, n_classes=4)
    np.testing.assert_array_equal(alone.kernel, probe.kernel[:, :4])
    np.testing.assert_array_equal(alone.bias, probe.bias[:4])


def test_two_rows_are_enough_to_solve_but_not_to_choose() -> None:
    probe = fit_probe(np.array([[0.0, 1.0], [1.0, 0.0]], np.float32), np.array([0, 1]), n_classes=2)
    assert np.isnan(probe.cv_accuracy)
    assert probe.candidates == ()
    assert probe.c == 100.0
    assert (probe.scores(np.array([[0.1, 0.9], [0.8, 0.0]])).argmax(axis=1) == [0, 1]).all()


def test_one_class_in_the_fitted_part_of_a_fold() -> None:
    values = np.arange(8, dtype=np.float32)[:, None]
    probe = fit_probe(values, np.array([0, 0, 0, 0, 0, 0, 1, 1]), n_classes=2)
    assert np.isfinite(probe.kernel).all()
    assert 0 <= probe.cv_accuracy <= 1


def test_constant_features_get_no_weight_and_do_no_harm(digits) -> None:
    values, targets = digits
    with_constant = np.concatenate([values, np.full((len(values), 2), 0.1, np.float32)], axis=1)
    probe = fit_probe(with_constant, targets, n_classes=10, cs=[100.0])
    assert np.abs(probe.kernel[-2:]).max() < 1e-6
    assert objective(probe, with_constant, targets) == pytest.approx(probe.objective, rel=1e-6)


def test_features_without_any_variation_give_the_shares_of_the_classes() -> None:
    probe = fit_probe(np.full((8, 3), 2.5, np.float32), np.array([0, 0, 0, 0, 0, 0, 1, 1]), n_classes=2)
    np.testing.assert_allclose(probe.scores(np.full((1, 3), 2.5)), [[0.75, 0.25]], atol=1e-4)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_features_that_are_no_numbers_are_counted(digits, bad: float) -> None:
    values, targets = digits[0].copy(), digits[1]
    values[[5, 9, 9], [0, 1, 2]] = bad
    with pytest.raises(DataError, match=r"2 of 700 feature rows hold NaN or infinite values \(the first is row 5\)"):
        fit_probe(values, targets, n_classes=10)


@pytest.mark.parametrize(
    ("values", "targets", "message"),
    [
        (np.zeros((4, 2)), np.ones(4, int), "all 4 rows are of class 1"),
        (np.zeros((4, 2)), np.array([0, 1, 2, 3]), r"0\.\.2; found 0\.\.3"),
        (np.zeros((4, 2)), np.array([0, 1, -1, 0]), r"found -1\.\.1"),
        (np.zeros((4, 2)), np.array([0, 1]), "one class index for each of the 4"),
        (np.zeros((4, 2)), np.eye(4)[:, :3], "one class index"),
        (np.zeros((4, 2)), np.array([0.0, 1.0, 1.0, 0.0]), "float64"),
        (np.zeros((4, 2, 2)), np.array([0, 1, 1, 0]), r"shape \(n, d\)"),
        (np.zeros((0, 2)), np.zeros(0, int), r"shape \(n, d\)"),
    ],
)
def test_data_that_cannot_be_solved_is_refused(values, targets, message: str) -> None:
    with pytest.raises(DataError, match=message):
        fit_probe(values, targets, n_classes=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"class_weight": "even"}, "'balanced' or a dict"),
        ({"class_weight": {9: 1.0}}, r"class 9; classes are 0\.\.2"),
        ({"class_weight": {0: -1.0}}, "positive number"),
        ({"cs": []}, "at least one positive number"),
        ({"cs": [1.0, 0.0]}, "at least one positive number"),
    ],
)
def test_options_that_cannot_work_are_refused(options, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        fit_probe(np.eye(4, 2), np.array([0, 1, 2, 0]), n_classes=3, **options)


@pytest.mark.slow
def test_flowers_on_real_features(shared_data: Path) -> None:
    """flowers5 through efficientnet_lite0: the figures the product promises, and scikit-learn's accuracy."""
    import keras

    from zoo.compose import BuildRequest, compose
    from zoo.data import load, split
    from zoo.features import extract

    composition, _ = compose(BuildRequest("efficientnet_lite0", keras.layers.Dense(5)))
    dataset = load(shared_data / "flowers5")
    parts = split(dataset, validation=0.2, seed=0)
    features = extract(
        composition.features,
        dataset,
        np.arange(len(dataset)),
        intake=composition.intake,
    )
    assert (features.positions == np.arange(len(dataset))).all()
    values, targets = features.values, dataset.targets
    probe = fit_probe(values[parts.train], targets[parts.train], n_classes=5)
    held_out = (probe.scores(values[parts.validation]).argmax(axis=1) == targets[parts.validation]).mean()
    assert held_out >= 0.90
    assert probe.cv_accuracy == pytest.approx(held_out, abs=0.05)
    reference_model, _, best, _ = reference(values[parts.train], targets[parts.train], probe.scale, probe.c)
    assert objective(probe, values[parts.train], targets[parts.train]) == pytest.approx(best, rel=1e-6)
    x = (values[parts.validation] - values[parts.train].mean(axis=0, dtype=np.float64)) / probe.scale
    assert reference_model.score(x, targets[parts.validation]) == pytest.approx(held_out, abs=1e-9)
    shuffled = fit_probe(values, np.random.default_rng(0).permutation(targets), n_classes=5)
    assert shuffled.cv_accuracy < 0.26
