"""`zoo plugins install` and `rows`; options of named datasets and augmentations; stdout that holds JSON only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner
from helpers.plugins import GOOD, install, plugin_site
from PIL import Image

from zoo.cli.output import print_json
from zoo.cli.parameters import json_option


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    with plugin_site(tmp_path / "site") as folder:
        yield folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    for label, low in (("dark", 0), ("light", 120)):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(6):
            picture = draw.integers(low, low + 100, (32, 32, 3)).astype("uint8")
            Image.fromarray(picture).save(tmp_path / "photos" / label / f"{number}.png")
    return tmp_path / "photos"


LOUD = """
import ctypes, os, subprocess, sys
import click
from zoo.cli.output import print_json
from zoo.cli.parameters import json_option

@click.command()
@json_option
def command(as_json):
    print("printed")
    sys.stdout.buffer.write(b"bytes\\n"); sys.stdout.flush()
    os.write(1, b"descriptor\\n")
    subprocess.run([sys.executable, "-c", "print('child')"], check=True)
    print_json({"result": 3})
    print("after")

command(["--json"], standalone_mode=False)
print("outside")
"""


def test_with_json_stdout_holds_json_and_nothing_else() -> None:
    done = subprocess.run([sys.executable, "-c", LOUD], capture_output=True, text=True, check=True)
    document, _, rest = done.stdout.rpartition("}")
    assert json.loads(document + "}") == {"result": 3}
    assert rest.strip() == "outside"
    for word in ("printed", "bytes", "descriptor", "child", "after"):
        assert word in done.stderr


def test_a_stream_that_is_no_file_is_kept_free_too() -> None:
    @click.command()
    @json_option
    def command(as_json: bool) -> None:
        print("printed")
        print_json({"result": 3})

    done = CliRunner().invoke(command, ["--json"])
    assert json.loads(done.stdout) == {"result": 3}
    assert "printed" in done.stderr


def test_options_of_a_named_dataset(photos: Path, zoo: Any) -> None:
    told = zoo("lint", "image-folder", "--data-option", f"path={photos}", "--no-features", "--json").json()
    assert told["images"] == 12 or told
    zoo("lint", "image-folder", "--no-features").fails("path: Field required")
    zoo("lint", "image-folder", "--data-option", "paht=x", "--no-features").fails("paht", "Known options: path")
    zoo("lint", "image-folder", "--data-option", "path", "--no-features").fails("--data-option takes key=value", code=2)
    zoo("lint", str(photos), "--data-option", "path=x", "--no-features").fails("no dataset named")


@pytest.mark.parametrize("verb", ["fit", "lint", "recommend", "evaluate"])
def test_every_verb_with_data_takes_them(verb: str, zoo: Any) -> None:
    assert "--data-option" in zoo(verb, "--help").out


def test_options_of_augmentations_are_checked_before_keras_is_loaded(photos: Path, zoo: Any) -> None:
    zoo("fit", str(photos), "--augment", "noise:sttdev=3").fails("sttdev", "Known options: stddev")
    zoo("fit", str(photos), "--augment", "noise:stddev=-1").fails("stddev: Input should be greater than")
    zoo("fit", str(photos), "--augment", "nosie:stddev=3").fails("'noise'")


def test_options_of_augmentations_reach_the_run(photos: Path, tmp_path: Path, zoo: Any) -> None:
    arguments = ["--recipe", "head", "--epochs", "1", "--input-size", "32", "--directory", str(tmp_path / "run")]
    zoo("fit", str(photos), "--augment", "noise:stddev=3,flip", "--json", *arguments).json()
    text = (tmp_path / "run" / "run.json").read_text()
    assert '"stddev": 3' in text


class Pip:
    """Stands in for `subprocess.run`: installs a plugin into a folder that is on sys.path."""

    def __init__(self, site: Path) -> None:
        self.site, self.commands, self.code = site, [], 0

    def __call__(self, command: list[str], **kwargs: Any) -> Any:
        self.commands.append(command)
        if self.code == 0:
            install(self.site, "birds", GOOD.format(name="owls"), manifest=True)
        return subprocess.CompletedProcess(command, self.code, "", "ERROR: No matching distribution\n")


@pytest.fixture
def pip(site: Path, monkeypatch: pytest.MonkeyPatch) -> Pip:
    monkeypatch.delenv("ZOO_OFFLINE", raising=False)
    stand_in = Pip(site)
    monkeypatch.setattr("zoo.plugin.tools.installing.subprocess.run", stand_in)
    return stand_in


def test_install_says_what_it_brought(pip: Pip, zoo: Any) -> None:
    done = zoo("plugins", "install", "zoo-t-birds>=1", "--upgrade")
    assert done.code == 0, done.err
    assert done.out == "birds  zoo-t-birds 1.0  indexed\n  heads: owls\n"
    assert pip.commands[0][-2:] == ["--upgrade", "zoo-t-birds>=1"]
    assert zoo("heads", "show", "owls").code == 0


def test_install_passes_what_pip_says(pip: Pip, zoo: Any) -> None:
    pip.code = 1
    zoo("plugins", "install", "zoo-t-birds").fails("could not be installed", "No matching distribution")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("--index-url=http://evil", ""),
        ("a; rm -rf .", "not the name of a distribution"),
        ("zoo-birds @ https://example.com/x.whl", "no file or folder"),
        ("./nothing", "no file or folder"),
        ("nothing.whl", "no file or folder"),
        ("", "not the name of a distribution"),
    ],
)
def test_install_takes_one_name_or_path_and_no_options(pip: Pip, zoo: Any, name: str, words: str) -> None:
    zoo("plugins", "install", name).fails(words, code=1 if words else 2)
    assert pip.commands == []


def test_install_keeps_to_offline(pip: Pip, zoo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    zoo("plugins", "install", "zoo-t-birds").fails("ZOO_OFFLINE=1")
    assert pip.commands == []


BUILDER = """
import keras

def build(include_top, input_size, width=8):
    pixels = keras.Input((input_size, input_size, 3))
    x = keras.layers.Conv2D(width, 3, 4, padding="same", activation="relu")(pixels)
    if include_top:
        x = keras.layers.Dense(5)(keras.layers.GlobalAveragePooling2D()(x))
    return keras.Model(pixels, x)
"""


def test_rows_are_read_off_the_network_and_can_be_pasted(site: Path, zoo: Any) -> None:
    from zoo.specs import BackboneSpec, InputSpec, LayerSummary, Preprocessing, StageSpec

    (site / "zoo_t_net.py").write_text(BUILDER)
    target = "zoo_t_net:build"
    figures = zoo("plugins", "rows", target, "--input-size", "64", "--builder-option", "width=4", "--json").json()
    assert figures["params"] == 4 * 3 * 3 * 3 + 4
    assert figures["params_top"] == figures["params"] + 4 * 5 + 5
    assert figures["input"] == {"default_size": 64, "min_size": 8, "channels": 3}
    assert figures["builder_options"] == {"width": 4}
    code = zoo("plugins", "rows", target, "--input-size", "64").out
    known = "BackboneSpec(name='net', summary='', family='f', paper='p', preprocessing=Preprocessing(),"
    names = {kind.__name__: kind for kind in (BackboneSpec, InputSpec, LayerSummary, Preprocessing, StageSpec)}
    spec = eval(code.replace("BackboneSpec(", known, 1), names)
    assert (spec.feature_dim, spec.builder, spec.portable) == (8, target, True)


def test_rows_of_a_named_backbone_are_those_of_its_listing(zoo: Any) -> None:
    from zoo.plugin import registry

    spec = registry().get("backbones", "efficientnet_lite0").spec
    figures = zoo("plugins", "rows", "efficientnet_lite0", "--json").json()
    assert [stage["name"] for stage in figures["stages"]] == [stage.name for stage in spec.stages]
    assert (figures["params"], figures["macs"]) == (spec.params, spec.macs)


def test_rows_of_nothing_say_so(site: Path, zoo: Any) -> None:
    zoo("plugins", "rows", "efficientnet_lite99").fails("no backbone named")
    zoo("plugins", "rows", "zoo_t_nowhere.net:build").fails("neither the name of a backbone nor a builder")
    (site / "zoo_t_wrong.py").write_text("def build(include_top, input_size):\n    raise SystemExit(0)\n")
    zoo("plugins", "rows", "zoo_t_wrong:build").fails("zoo_t_wrong", "sys.exit(0)")


def test_files_of_ones_own_are_plugins_on_the_command_line(tmp_path: Path, zoo_process: Any) -> None:
    path = tmp_path / "zoo_t_own.py"
    path.write_text(GOOD.format(name="own-owls"))
    done = zoo_process("heads", "--json", ZOO_PLUGIN_PATH=os.pathsep.join([str(path), ""]))
    assert "own-owls" in [row["name"] for row in done.json()]
