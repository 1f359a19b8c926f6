"""Augmentation ops: how they are named, seeded and checked."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from zoo.augment import Op, resolve, transform
from zoo.data import Arrays, batches
from zoo.errors import OptionError, UnknownNameError
from zoo.specs import ResizeRule
from zoo_vision.intake import ImageIntake


@pytest.fixture
def plugins():
    """The first-party plugins, whether or not zoo is installed in this environment."""
    from zoo.plugin import Manager, use_manager

    names = ("zoo_vision", "zoo_flowers", "zoo_classics")
    before = use_manager(Manager([EntryPoint(name, f"{name}.plugin", "zoo.plugins") for name in names]))
    yield
    use_manager(before)


def grain(image, seed):
    """A user's function."""
    noise = np.random.default_rng(seed).integers(0, 30, image.shape, np.uint8)
    return image // 2 + noise


def brighter(image, seed):
    """Another one, which writes into what it is given."""
    image += np.uint8(seed % 7)
    return image


# -- what augment= takes ----------------------------------------------------------------------------------------------


def test_nothing_functions_and_lists():
    assert resolve(None) == ()
    assert resolve([]) == ()
    (op,) = resolve(grain)
    assert (op.name, op.provider) == ("grain", "user")
    assert op.config == {"function": f"{__name__}:grain"}
    assert [op.name for op in resolve([grain, None, (brighter, [grain])])] == ["grain", "brighter", "grain"]
    assert resolve(op) == (op,)


def test_names_and_options(plugins, photos):
    plain, named, with_options = resolve(["flip", "zoo_vision:noise", {"rotation": {"degrees": 30}}])
    assert (plain.name, named.name, with_options.name) == ("flip", "noise", "rotation")
    assert with_options.config == {"degrees": 30}
    assert "zoo_vision" in plain.provider
    json.dumps([op.config for op in (plain, named, with_options)])
    run = transform((plain, named, with_options), seed=0, epoch=0)
    assert run(photos[0].copy(), 0)[0].shape == photos[0].shape
    with pytest.raises(UnknownNameError, match="Did you mean 'rotation'"):
        resolve("rotatoin")
    with pytest.raises(OptionError, match="degrees"):
        resolve({"rotation": {"degrees": 400}})
    with pytest.raises(OptionError, match="angle"):
        resolve({"rotation": {"angle": 4}})


def test_what_is_not_an_augmentation():
    for thing, message in (
        (3, "takes names"),
        (object(), "takes names"),
        (dict, "a class: make an instance"),
        (lambda image: image, r"must be callable as \(image, seed\)"),
        (lambda: None, r"must be callable as \(image, seed\)"),
    ):
        with pytest.raises(OptionError, match=message):
            resolve(thing)


# -- randomness -------------------------------------------------------------------------------------------------------


def test_result_depends_on_seed_epoch_and_index_only(photos):
    ops = resolve([grain, brighter])
    image = photos[0]

    def run(seed, epoch, index):
        return transform(ops, seed=seed, epoch=epoch)(image.copy(), index)[0]

    first = run(0, 0, 0)
    np.testing.assert_array_equal(run(0, 0, 0), first)
    one = transform(ops, seed=0, epoch=0)
    for index in (7, 3, 0):  # whatever came before
        last, _ = one(image.copy(), index)
    np.testing.assert_array_equal(last, first)
    for other in ((1, 0, 0), (0, 1, 0), (0, 0, 1)):
        assert (run(*other) != first).any()


def test_each_op_has_a_seed_of_its_own(photos):
    seeds = []

    def note(image, seed):
        seeds.append(seed)
        return image

    run = transform(resolve([note, note, note]), seed=5, epoch=2)
    run(photos[0].copy(), 11)
    assert [seeds.count(seed) for seed in seeds] == [2] * 6  # twice each at the first image: the check
    seeds.clear()
    for index in range(200):
        run(photos[0].copy(), index)
    assert len(set(seeds)) == 600
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_threads_and_order_change_nothing(photos):
    data = Arrays(photos)
    rule = ResizeRule()

    def pixels(order, workers):
        run = transform(resolve([grain, brighter]), seed=3, epoch=1)
        found = list(
            batches(data, order, intake=ImageIntake(size=64, rule=rule), batch_size=3, transform=run, workers=workers)
        )
        positions = np.concatenate([batch.positions for batch in found])
        return np.concatenate([batch.arrays for batch in found])[np.argsort(positions)]

    first = pixels(range(8), 1)
    np.testing.assert_array_equal(pixels([5, 2, 7, 0, 1, 3, 6, 4], 4), first)
    plain = np.concatenate([batch.arrays for batch in batches(data, range(8), intake=ImageIntake(size=64, rule=rule))])
    assert all((first[index] != plain[index]).any() for index in range(8))


def test_no_ops_leave_the_image_alone(photos):
    image = photos[0]
    assert transform((), seed=0, epoch=0)(image, 3)[0] is image


def run_all(run, photos) -> list[np.ndarray]:
    return [run(photo.copy(), index)[0] for index, photo in enumerate(photos)]


# -- checks -----------------------------------------------------------------------------------------------------------


def test_ops_that_break_the_rules_are_named(photos):
    count = 0

    def stateful(image, seed):
        nonlocal count
        count += 1
        return image + np.uint8(count)

    cases = {
        "float": (lambda image, seed: image / 255, r"float64 \(224, 224, 3\)"),
        "crop": (lambda image, seed: image[:100], r"uint8 \(100, 224, 3\)"),
        "nothing": (lambda image, seed: None, "NoneType"),
        "stateful": (stateful, "two different results for the same seed"),
        "global": (lambda image, seed: image ^ np.uint8(np.random.randint(1, 255)), "two different results"),
    }
    for name, (function, message) in cases.items():
        run = transform([Op(name, function)], seed=0, epoch=0)
        with pytest.raises(OptionError, match=rf"augmentation '{name}' .*{message}"):
            run_all(run, photos)


def test_an_op_that_breaks_the_rules_later_is_caught_too(photos):
    def late(image, seed, used=[]):  # noqa: B006
        used.append(seed)
        return image if len(used) < 6 else image[::2]

    run = transform([Op("late", late)], seed=0, epoch=0)
    with pytest.raises(OptionError, match=r"'late' gave uint8 \(112, 224, 3\)"):
        run_all(run, photos)
