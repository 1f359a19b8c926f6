"""Each check finds the plugin that violates it, and no other check does."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path
from typing import Any

import keras
import numpy as np
import owls
import pytest

from zoo.testing import (
    AugmentationConformance,
    BackboneConformance,
    DatasetConformance,
    HeadConformance,
    PluginConformance,
    RecipeConformance,
    Report,
    check_plugin,
)

OUTPUT = 'kernel_initializer=glorot(seed=seed + 1), dtype="float32")(x)\n    return x'
HIDDEN = "kernel_initializer=glorot(seed=seed))(features)"
OPTIONS = 'side: int = Field(default=8, gt=0, description="side of the photos, in pixels")'


def output(code: str) -> dict[str, Any]:
    """A head with something behind its last layer."""
    return {"parts": [(OUTPUT, OUTPUT.replace("return x", code))]}


def layer(call: str, config: str = "", *, init: str = "") -> tuple[str, str]:
    """A Keras layer of the plugin's own, registered as it should be."""
    return (
        "def head(",
        f'@keras.saving.register_keras_serializable(package="owls")\nclass Own(keras.layers.Layer):\n'
        f"    factor = 2.0\n{init}    def call(self, x, training=None):\n{call}{config}\n\n\ndef head(",
    )


WRONG_CONFIG = """
    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor
"""

HEADS: dict[str, dict[str, Any]] = {
    "check_builds_on_any_width": {
        "parts": [
            ("    glorot =", "    if features.shape[-1] > 100:\n        raise ValueError('too wide')\n    glorot =")
        ]
    },
    "check_outputs_honored": {"parts": [("Dense(outputs", "Dense(3")]},
    "check_output_dtype": output('return keras.ops.cast(x, "float16")'),
    "check_mixed_precision": {"parts": [(', dtype="float32")', ")")]},
    "check_same_seed_same_weights": {"parts": [(", kernel_initializer=glorot(seed=seed))", ")")]},
    "check_answers_repeat": {
        "parts": [
            layer(
                "        return x + keras.random.normal(keras.ops.shape(x), seed=self.noise)\n",
                init="    def __init__(self, **kwargs):\n        super().__init__(**kwargs)\n"
                "        self.noise = keras.random.SeedGenerator(1)\n\n",
            ),
            ("return x\n\n\ndef turn", "return Own(dtype='float32')(x)\n\n\ndef turn"),
        ]
    },
    "check_answers_alone": output("return x - keras.ops.mean(x, axis=0, keepdims=True)"),
    "check_composes": {"parts": [('dtype="float32")', 'dtype="float32", activation="relu")')]},
    "check_base_stays_frozen": {
        "parts": [
            (
                "    glorot =",
                "    for item in gc.get_objects():\n"
                "        if type(item).__name__ == 'Functional' and item.name == 'backbone':\n"
                "            item.trainable = True\n    glorot =",
            )
        ]
    },
    "check_step_changes_only_the_head": {
        "parts": [
            layer(
                "        if training:\n"
                "            for item in gc.get_objects():\n"
                "                if type(item).__name__ == 'Functional' and item.name == 'backbone':\n"
                "                    [weight.assign(weight + 1) for weight in item.weights]\n"
                "        return x\n"
            ),
            ("return x\n\n\ndef turn", "return Own(dtype='float32')(x)\n\n\ndef turn"),
        ],
        "plugin": [("HEAD = {}", "HEAD = {'portable': False}")],
    },
    "check_head_learns": output("return keras.ops.stop_gradient(x)"),
    "check_saves_and_loads": {
        "parts": [
            layer(
                "        return x * self.factor\n",
                "    def get_config(self):\n        return {**super().get_config(), 'factor': 1.0}\n",
                init=WRONG_CONFIG,
            ),
            ("return x\n\n\ndef turn", "return Own(2.0, dtype='float32')(x)\n\n\ndef turn"),
        ],
        "plugin": [("HEAD = {}", "HEAD = {'portable': False}")],
    },
    "check_portable_file": {
        "parts": [
            layer("        return x * 2.0\n"),
            ("return x\n\n\ndef turn", "return Own(dtype='float32')(x)\n\n\ndef turn"),
        ]
    },
    "check_labels": {"plugin": [("HEAD = {}", "HEAD = {'labels': ('barn', 'tawny', 'barn')}")]},
    "check_dataset_fits": {
        "plugin": [("HEAD = {}", "HEAD = {'labels': ('barn', 'tawny', 'snowy'), 'dataset': 'owl-photos'}")]
    },
    "check_trained_files": {"trained": lambda record: record.update(sha256="0" * 64)},
}

PIXELS = "image = image.copy()\n"

AUGMENTATIONS: dict[str, dict[str, Any]] = {
    "check_returns_only_the_example": {"parts": [("            return image\n", "            return image, 0\n")]},
    "check_dtype_kept": {"parts": [(PIXELS, "image = image.astype(np.float32)\n")]},
    "check_shape_kept": {"parts": [(PIXELS, "image = image[1:].copy()\n")]},
    "check_input_left_alone": {
        "parts": [
            (PIXELS, "pass\n"),
            ("image = image[:, ::-1].copy()", "image[:] = image[:, ::-1].copy()"),
        ]
    },
    "check_same_seed_same_example": {"parts": [("np.random.default_rng(seed)", "random")]},
    "check_safe_in_threads": {
        "parts": [
            ("    def apply(image", "    state = [0]\n\n    def apply(image"),
            (
                "draw = np.random.default_rng(seed)",
                "state[0] = seed\n        time.sleep(0.001)\n        draw = np.random.default_rng(state[0])",
            ),
        ]
    },
    "check_does_something": {"parts": [("draw.random() < 0.5", "False")]},
    "check_not_at_inference": {
        "parts": [
            (
                "def turn():\n",
                "PLAIN = keras.layers.Rescaling.call\n\n\ndef turn():\n"
                "    keras.layers.Rescaling.call = lambda self, x: keras.ops.flip(PLAIN(self, x), axis=2)\n\n",
            )
        ]
    },
    "check_same_in_the_graph": {
        "plugin": [('"boxes": "moved"', '"boxes": "moved", "placement": "either"')],
        "parts": [
            (
                "    return apply\n",
                "    apply.draw, apply.in_graph = lambda seed: np.zeros(1, np.float32), lambda images, drawn: images\n"
                "    return apply\n",
            )
        ],
    },
    "check_boxes_form": {"parts": [("boxes = boxes.copy()", "boxes = boxes.astype(np.float64)")]},
    "check_boxes_follow_the_pixels": {"parts": [("boxes[:, [0, 2]] = 1 - boxes[:, [2, 0]]", "pass")]},
    "check_boxes_follow_the_pixels: said to stay": {
        "plugin": [('AUGMENTATION = {"boxes": "moved"}', 'AUGMENTATION = {"boxes": "unchanged"}')]
    },
    "check_unknown_option_rejected": {
        "plugin": [
            ("@hookimpl\ndef zoo_heads", "class Loose(BaseModel):\n    pass\n\n\n@hookimpl\ndef zoo_heads"),
            ('"boxes": "moved"', '"boxes": "moved", "options": "zoo_t_owls.plugin:Loose"'),
        ]
    },
}

RETURN = 'return Photos(x, y, labels=LABELS, ids=ids, splits=splits, name="owl-photos")'
SPLITS = '"splits": {"train": 18, "test": 6}, '

DATASETS: dict[str, dict[str, Any]] = {
    "check_offline": {
        "parts": [
            (
                "def load(side):\n",
                "def load(side):\n    try:\n        socket.create_connection(('127.0.0.1', 9), timeout=1)\n"
                "    except OSError:\n        pass\n",
            )
        ]
    },
    "check_loads": {"parts": [(RETURN, "return x, y")]},
    "check_same_order_every_time": {
        "parts": [
            ("def load(side):", "CALLS = itertools.count()\n\n\ndef load(side):"),
            (RETURN, "if next(CALLS) % 2:\n        ids = ids[::-1]\n    " + RETURN),
        ]
    },
    "check_task": {"plugin": [("DATASET = {", 'DATASET = {"task": "multilabel",')]},
    "check_labels": {"plugin": [('"labels": LABELS, "splits"', '"labels": LABELS[::-1], "splits"')]},
    "check_targets": {
        "parts": [(RETURN, RETURN.replace("return", "data =") + "\n    data.targets[0] = 3\n    return data")]
    },
    "check_targets: not finite": {
        "parts": [
            ("y = np.arange(24) % 3", "y = np.random.default_rng(1).normal(size=(24, 3))"),
            (RETURN, RETURN.replace("return", "data =") + "\n    data.targets[0] = np.nan\n    return data"),
        ],
        "plugin": [("DATASET = {", 'DATASET = {"task": "regression",')],
    },
    "check_names": {"parts": [('f"owl {index}"', 'f"owl {index % 23}"')]},
    "check_pictures_decode": {
        "parts": [
            (
                "class Photos(zoo.Arrays):\n    pass",
                "class Photos(zoo.Arrays):\n    def read(self, row):\n        if row == 3:\n"
                "            raise OSError('torn')\n        return super().read(row)\n\n"
                "    def digest(self, row):\n        return super().digest(row)",
            )
        ]
    },
    "check_pictures_are_fresh": {
        "parts": [
            (
                "class Photos(zoo.Arrays):\n    pass",
                "class Photos(zoo.Arrays):\n    def read(self, row):\n        return self._images[row]",
            )
        ]
    },
    "check_split_sizes": {"plugin": [(SPLITS, SPLITS.replace("18", "19"))]},
    "check_splits_apart": {"parts": [("    y = np", "    x[20] = x[2]\n    y = np")]},
    "check_split_by_content": {
        "parts": [
            ("    y = np", "    x[12:] = x[:12]\n    y = np"),
            ("splits = {", "splits = None and {"),
            (
                "class Photos(zoo.Arrays):\n    pass",
                "class Photos(zoo.Arrays):\n    def digest(self, row):\n        return f'{row:064x}'",
            ),
        ],
        "plugin": [(SPLITS, "")],
    },
    "check_license": {"plugin": [('"license": "CC0-1.0"', '"license": "unknown"')]},
    "check_source": {"plugin": [('"source": "made up"', '"source": ""')]},
    "check_unknown_option_rejected": {"plugin": [('forbid")\n    side', 'ignore")\n    side')]},
    "check_option_defaults": {
        "plugin": [(OPTIONS, OPTIONS + '\n    share: float = Field(default=2.0, lt=1, description="share of them")')],
        "parts": [("def load(side):", "def load(side, share):")],
    },
    "check_option_schema": {
        "manifest": lambda data: data["contributes"]["datasets"][0]["option_schema"]["properties"].clear() or data
    },
    "check_options_described": {"plugin": [(', description="side of the photos, in pixels"', "")]},
}


def row(**changes: Any) -> dict[str, Any]:
    """A backbone whose row says something else than the network."""

    def change(data: dict[str, Any]) -> None:
        for path, value in changes.items():
            *way, last = path.split("__")
            target: Any = data
            for step in way:
                target = target[int(step) if step.isdigit() else step]
            target[last] = value

    return {"owlnet": change}


LAST = "        x = keras.layers.ReLU()(x)\n"
NETWORK = ("def net(", "def net(")

BACKBONES: dict[str, dict[str, Any]] = {
    "check_builds": {
        "parts": [("    image = keras.Input", "    raise OSError('no owl')\n    image = keras.Input")],
        "facts": False,
    },
    "check_smallest_size": {
        "parts": [("    image = keras.Input", "    input_size = max(input_size, 32)\n    image = keras.Input")]
    },
    "check_features_finite": {
        "parts": [
            (
                '3, strides=2, padding="same")',
                '3, strides=2, padding="same", kernel_initializer=keras.initializers.Constant(1e36))',
            )
        ]
    },
    "check_same_seed_same_weights": {
        "parts": [
            (
                '3, strides=2, padding="same")',
                '3, strides=2, padding="same", kernel_initializer=keras.initializers.HeNormal('
                "seed=int.from_bytes(os.urandom(3), 'big')))",
            )
        ]
    },
    "check_stages": row(stages__1__channels=17),
    "check_stages: another cut": row(stages__0__cut=False),
    "check_layers": row(layers__total=99),
    "check_counts": row(params=99),
    "check_classifier": row(params_top=99),
    "check_sources": row(weights__0__license=" "),
    "check_preprocessing_plausible": row(preprocessing__mean=[127.5, 127.5, 127.5]),
    "check_preprocessing_is_the_reference": row(
        preprocessing__channel_order="BGR", preprocessing__mean=[0.9, 1.0, 1.0]
    ),
    "check_preprocessing_fits_the_weights": {
        **row(preprocessing__scale=1.0, preprocessing__mean=[0.0, 0.0, 0.0]),
        "parts": [("return pixels / 127.5 - 1", "return pixels")],
    },
    "check_batchnorm_stays_frozen": {
        "parts": [
            (
                "def net(",
                '@keras.saving.register_keras_serializable(package="owls")\nclass Whiten(keras.layers.Layer):\n'
                "    def build(self, shape):\n"
                "        self.mean = self.add_weight(shape=(shape[-1],), trainable=False, name='mean')\n"
                "    def call(self, x, training=None):\n"
                "        if training:\n"
                "            self.mean.assign(0.9 * self.mean + 0.1 * keras.ops.mean(x, axis=(0, 1, 2)))\n"
                "        return x - self.mean\n\n\ndef net(",
            ),
            (LAST, LAST + "        x = Whiten()(x)\n"),
        ],
        **row(portable=False),
    },
    "check_saves_and_loads": {
        "parts": [
            layer(
                "        return x * self.factor\n",
                "    def get_config(self):\n        return {**super().get_config(), 'factor': 1.0}\n",
                init=WRONG_CONFIG,
            ),
            (LAST, LAST + "        x = Own(2.0)(x)\n"),
        ],
        **row(portable=False),
    },
    "check_portable": {"parts": [layer("        return x * 2.0\n"), (LAST, LAST + "        x = Own()(x)\n")]},
}

TUNE = '{"unfreeze": 1}'

RECIPES: dict[str, dict[str, Any]] = {
    "check_valid": {  # pydantic does not look at what model_copy changes
        "plugin": [("(phases,", "([phases[0], phases[1].model_copy(update={'learning_rate': -1.0})],")]
    },
    "check_reachable": {"plugin": [("RECIPE = {}", "RECIPE = {'aliases': ('auto',)}")]},
    "check_reachable: without a name": {"plugin": [("RECIPE = {}", "RECIPE = {'aliases': ('own',)}")]},
    "check_reachable: a file": {"plugin": [("RECIPE = {}", "RECIPE = {'aliases': ('owl.yaml',)}")]},
    "check_resolves": {"plugin": [(TUNE, '{"unfreeze": ("stage77",)}')]},
    "check_trains": {"plugin": [(TUNE, '{"unfreeze": 1, "patience": 1, "monitor": "val_hoots"}')]},
    "check_trains: next to nothing": {"plugin": [(TUNE, '{"unfreeze": 1, "learning_rate": 1e-30}')]},
}

FIRST = "@hookimpl\ndef zoo_heads"

PLUGINS: dict[str, dict[str, Any]] = {
    "check_entry_point": {"id": "Owls"},
    "check_manifest_present": {"manifest": lambda data: None},
    "check_manifest_says_what_hooks_say": {
        "manifest": lambda data: data["contributes"]["heads"][0].update(labels=["barn", "tawny"]) or data
    },
    "check_manifest_says_what_hooks_say: a head that is not there": {
        "manifest": lambda data: (
            data["contributes"]["heads"].append({**data["contributes"]["heads"][0], "name": "eagles"}) or data
        )
    },
    "check_manifest_says_what_hooks_say: of another plugin": {"manifest": lambda data: {**data, "plugin": "eagles"}},
    "check_api_range": {"manifest": lambda data: {**data, "api": ">=99"}},
    "check_imports": {"plugin": [("LABELS = (", "raise RuntimeError('no owl')\nLABELS = (")]},
    "check_import_is_light": {"plugin": [("import json\n", "import json\nimport jax\n")]},
    "check_import_is_quiet": {"plugin": [("LABELS = (", "print('hoot')\nLABELS = (")]},
    "check_import_is_quick": {"plugin": [("LABELS = (", "import time\ntime.sleep(1.05)\nLABELS = (")]},
    "check_hooks_known": {"plugin": [(FIRST, "@hookimpl\ndef zoo_haeds():\n    return []\n\n\n" + FIRST)]},
    "check_hook_arguments": {"plugin": [("def zoo_heads():", "def zoo_heads(*, more=()):")]},
    "check_hooks_give_specs": {"plugin": [("def zoo_heads():\n", "def zoo_heads():\n    raise ValueError('moult')\n")]},
    "check_hooks_give_specs: no spec": {"plugin": [("def zoo_heads():\n", "def zoo_heads():\n    return ['owl']\n")]},
    "check_hooks_repeat": {
        "plugin": [
            (FIRST, "CALLS = __import__('itertools').count()\n\n\n" + FIRST),
            ('summary="mirror"', 'summary=f"mirror {next(CALLS)}"'),
        ]
    },
    "check_provides_something": {
        "plugin": [
            (f"def zoo_{kind}():\n", f"def zoo_{kind}():\n    return []\n")
            for kind in ("heads", "augmentations", "datasets", "label_sets", "backbones")
        ]
    },
    "check_names": {
        "plugin": [
            (
                "return [LabelSet(",
                "return [LabelSet(name='owls4', summary='more', labels=LABELS, aliases=('owls3',)), LabelSet(",
            )
        ]
    },
    "check_summaries": {"plugin": [('summary="mirror"', 'summary=" "')]},
    "check_import_strings": {"plugin": [("zoo_t_owls.parts:turn", "os:getcwd")]},
    "check_import_strings: not there": {"plugin": [("zoo_t_owls.parts:turn", "zoo_t_owls.parts:trun")]},
}

SUITES = {
    HeadConformance: ("owls", HEADS),
    AugmentationConformance: ("owl-turn", AUGMENTATIONS),
    DatasetConformance: ("owl-photos", DATASETS),
    BackboneConformance: ("owlnet", BACKBONES),
    RecipeConformance: ("owl-tune", RECIPES),
    PluginConformance: ("owls", PLUGINS),
}

CASES = [
    pytest.param(suite, violation, id=f"{suite.__name__.removesuffix('Conformance').lower()}-{violation}")
    for suite, (_, violations) in SUITES.items()
    for violation in violations
]

NEVER_VIOLATED = {
    # Found by asking for a plugin that is not there, below.
    "check_discovered",
}


def run(suite: Any, site: Path, **attributes: Any) -> Report:
    """All checks of one suite on the plugin."""
    name, _ = SUITES[suite]
    test = type("TestOwls", (suite,), {"name": name, "plugin": name, **attributes})
    report = Report(name, [test().run(check) for check in test.checks()])
    test.teardown_class()
    return report


def owlnet_weights(site: Path) -> Path:
    """Weights of the network as they are after training on pixels scaled to -1..1."""
    import importlib

    import h5py
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    from zoo.testing import calibrated

    keras.utils.set_random_seed(0)
    net = importlib.import_module(f"{owls.PACKAGE}.parts").net(include_top=False, input_size=32)
    calibrated(net)
    with h5py.File(site / "owlnet.h5", "w") as file:
        save_weights_to_hdf5_group(file, net)
    return site / "owlnet.h5"


@pytest.fixture(autouse=True)
def _keras_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """One violator changes a layer of Keras."""
    monkeypatch.setattr(keras.layers.Rescaling, "call", keras.layers.Rescaling.call)


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.__name__)
def test_a_plugin_that_conforms_passes_every_check(suite: Any, site: Path) -> None:
    manager = owls.write(site, recipes=suite is RecipeConformance)
    weights = owlnet_weights(site) if suite is BackboneConformance else None
    report = run(suite, site, manager=manager, weights=weights)
    assert report.ok, report.render()
    assert {result.outcome for result in report.results} == {"passed"}, report.render()


@pytest.mark.parametrize(("suite", "violation"), CASES)
def test_a_violator_is_caught_by_exactly_its_check(suite: Any, violation: str, site: Path) -> None:
    check = violation.partition(":")[0]
    changes = SUITES[suite][1][violation]
    (site / "jax.py").write_text("")  # stands for any of the frameworks, without their seconds
    manager = owls.write(site, **{"facts": suite is BackboneConformance, **changes}, recipes=suite is RecipeConformance)
    attributes: dict[str, Any] = {"manager": manager}
    if suite is PluginConformance:
        attributes["plugin"] = changes.get("id", "owls")
    if suite is BackboneConformance and check == "check_preprocessing_fits_the_weights":
        attributes["weights"] = owlnet_weights(site)
    report = run(suite, site, **attributes)
    assert [result.check for result in report.failed()] == [check], report.render()
    assert not report.ok
    (failure,) = report.failed()
    assert failure.detail
    assert failure.prevents.endswith(".")
    # What could not be looked at says that it waits for this check, directly or by way of another.
    unlooked = {result.check for result in report.results if result.outcome == "skipped"}
    for result in report.results:
        if result.outcome == "skipped" and "weights are not here" not in result.detail:
            assert any(f"needs {other}," in result.detail for other in {check, *unlooked}), report.render()


def together(violations: list[tuple[Any, str]]) -> dict[str, Any]:
    """The changes of several violators, each of another part of the plugin, in one plugin."""
    all_changes: dict[str, Any] = {}
    for suite, violation in violations:
        for key, change in SUITES[suite][1][violation].items():
            if key in ("parts", "plugin"):
                all_changes.setdefault(key, []).extend(change)
            else:
                assert key not in all_changes, violations
                all_changes[key] = change
    return all_changes


ALONE = (BackboneConformance, RecipeConformance, PluginConformance)
"""What these violate concerns the whole plugin; a head, an augmentation and a dataset are checked in one go."""

WHOLE = [
    *([(suite, violation)] for suite in ALONE for violation in SUITES[suite][1]),
    *(
        [(suite, violation) for suite, violation in row if violation]
        for row in zip_longest(
            *(
                [(suite, violation) for violation in SUITES[suite][1]]
                for suite in (HeadConformance, AugmentationConformance, DatasetConformance)
            ),
            fillvalue=(None, ""),
        )
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize("violations", WHOLE, ids=lambda row: "+".join(violation for _, violation in row))
def test_violators_are_caught_by_exactly_their_checks_among_those_of_the_whole_plugin(
    violations: list[tuple[Any, str]], site: Path
) -> None:
    (site / "jax.py").write_text("")
    names = [violation for _, violation in violations]
    if names == ["check_preprocessing_fits_the_weights"]:
        pytest.skip("the weight file is given to the test class, which check_plugin has no way to do")
    changes = together(violations)
    manager = owls.write(site, **changes, recipes=violations[0][0] is RecipeConformance)
    report = check_plugin(changes.get("id", "owls"), manager)
    found = sorted(result.check for result in report.failed())
    assert found == sorted(name.partition(":")[0] for name in names), report.render()


def test_every_check_has_a_violator() -> None:
    shared = {name for name in DATASETS if "option" in name}  # of heads, augmentations and datasets alike
    assert len(shared) == 4
    for suite, (_, violations) in SUITES.items():
        found = {violation.partition(":")[0] for violation in violations}
        missing = set(suite.checks()) - found - NEVER_VIOLATED - shared
        assert not missing, (suite, missing)
        assert not found - set(suite.checks())


def test_every_check_names_the_failure_it_prevents() -> None:
    for suite in SUITES:
        for check in suite.checks():
            first = (getattr(suite, check).__doc__ or "").partition("\n")[0]
            assert len(first) > 20, (suite, check)
            assert first.endswith("."), (suite, check)


def test_a_plugin_that_is_not_there(site: Path) -> None:
    report = run(PluginConformance, site, plugin="eagles", manager=owls.write(site))
    assert [result.check for result in report.failed()] == ["check_discovered"]
    assert "eagles" in report.failed()[0].detail


def test_an_augmentation_that_moves_nothing_may_say_unchanged(site: Path) -> None:
    """Noise, contrast, a negative and an erased part are no movement."""
    for index, change in enumerate(
        (
            "np.clip(image + draw.normal(0, 25, image.shape), 0, 255).astype(np.uint8)",
            "(image * draw.uniform(0.5, 1.0)).astype(np.uint8)",
            "255 - image if draw.random() < 0.5 else image.copy()",
            "np.where(np.abs(np.indices(image.shape[:2]) - draw.integers(0, 64, (2, 1, 1))).max(0)[..., None] < 12, 0,"
            " image).astype(np.uint8)",
        )
    ):
        folder = site / str(index)
        folder.mkdir()
        import sys

        sys.path.insert(0, str(folder))
        owls.forget()
        manager = owls.write(
            folder,
            parts=[
                ("        turned = draw.random() < 0.5\n", "        turned = False\n"),
                (PIXELS, f"image = {change}\n"),
            ],
            plugin=[('"boxes": "moved"', '"boxes": "unchanged"')],
            facts=False,
        )
        report = run(AugmentationConformance, site, manager=manager)
        sys.path.remove(str(folder))
        assert report.ok, (change, report.render())


def test_small_shifts_of_pixels_are_seen() -> None:
    """The synthetic picture tells a movement of a few pixels from none."""
    from zoo.testing import augmentations

    for move in (
        lambda image, seed: np.roll(image, seed % 17 - 8, 1),
        lambda image, seed: np.roll(image, seed % 13 - 6, 0),
    ):
        suite = type("TestShift", (AugmentationConformance,), {"function": lambda self, move=move: move})
        with pytest.raises(AssertionError, match="bright rectangle"):
            suite()._stays(augmentations.RECTANGLES[0])
