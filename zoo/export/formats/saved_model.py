"""SavedModel: a folder for TensorFlow Serving; beside raw arrays it takes the bytes of JPEG and PNG files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import OptionError, UnsafeFileError
from zoo.export.formats.interface import (
    CARD,
    EXAMPLES,
    RECORD,
    Answer,
    Cargo,
    no_quantization,
    output_names,
    read_record,
    side_by_side,
)
from zoo.untrusted import contained

_EXTRA = "assets.extra"
"""The folder of a SavedModel that is the user's own."""

_MOST = {RECORD: 64 << 20, CARD: 1 << 20, EXAMPLES: 64 << 20}


class SavedModel:
    """A SavedModel; what travels lies in its folder `assets.extra`.

    Args:
        quantize: must be None.
        samples: not used.
    """

    def __init__(self, quantize: str | None = None, samples: np.ndarray | None = None) -> None:
        no_quantization("savedmodel", quantize)

    def write(self, model: Any, path: Path, record: Mapping[str, Any]) -> None:
        """Write the model with the endpoints "serve" and, for pictures, "serve_encoded"; see `Format.write`."""
        import keras

        if keras.config.backend() != "tensorflow":
            model.export(path, format="tf_saved_model", verbose=False)
            return
        import tensorflow as tf

        from zoo.export.encoded import decoder

        names = output_names(record)

        def serve(batch: Any) -> dict[str, Any]:
            answers = model(batch, training=False)
            return dict(zip(names, answers if isinstance(answers, list | tuple) else [answers], strict=True))

        archive = keras.export.ExportArchive()
        archive.track(model)
        spec = model.inputs[0]
        archive.add_endpoint("serve", serve, [tf.TensorSpec((None, *spec.shape[1:]), spec.dtype, name=spec.name)])
        decode = decoder(record["intake"])
        if decode is not None:
            texts = [tf.TensorSpec((None,), tf.string, name="encoded")]
            archive.add_endpoint("serve_encoded", lambda encoded: serve(decode(encoded)), texts)
        archive.write_out(path, verbose=False)
        (path / _EXTRA).mkdir()
        (path / _EXTRA / RECORD).write_text(json.dumps(record), encoding="utf-8")  # TensorFlow sorts answers by name

    def attach(self, path: Path, cargo: Cargo) -> None:
        """Put what travels into the folder."""
        folder = path / _EXTRA
        folder.mkdir(exist_ok=True)
        for name, data in cargo.members().items():
            (folder / name).write_bytes(data)

    def cargo(self, path: Path) -> Cargo:
        """Return what travels with a folder."""
        return Cargo.of(_members(path), str(path))

    def open(self, path: Path) -> Answer:
        """Return what the folder answers in TensorFlow; its graph is code and runs. See `Format.open`."""
        return self.opened(path)[1]

    def opened(self, path: Path) -> tuple[dict[str, Any], Answer]:
        """Return the record of a folder and what it answers.

        Raises:
            OptionError: zoo did not export it.
            UnsafeFileError: it is damaged.
        """
        import tensorflow as tf

        if not (path / "saved_model.pb").is_file():
            raise OptionError(f"{path} is no SavedModel: it holds no saved_model.pb")
        members = _members(path)
        record = read_record(members, str(path)) if RECORD in members else {"outputs": [{"name": "answer"}]}
        with contained(path, "a SavedModel"):
            loaded = tf.saved_model.load(str(path))
            serve = loaded.signatures["serving_default"]
        ((key, spec),) = serve.structured_input_signature[1].items()
        names = output_names(record)

        def answer(batch: np.ndarray, loaded: Any = loaded) -> np.ndarray:  # its variables die with what was loaded
            answers = serve(**{key: tf.constant(batch, spec.dtype)})
            return side_by_side({name: value.numpy() for name, value in answers.items()}, names)

        return record, answer

    def open_encoded(self, path: Path, names: Sequence[str]) -> Any:
        """Return what the folder answers to the bytes of picture files; None: it takes none.

        Args:
            path: the folder.
            names: of the answers, in order.
        """
        import tensorflow as tf

        loaded = tf.saved_model.load(str(path))
        if not hasattr(loaded, "serve_encoded"):
            return None

        def answer(files: list[bytes], loaded: Any = loaded) -> np.ndarray:
            answers = loaded.serve_encoded(tf.constant(files))
            return side_by_side({name: value.numpy() for name, value in answers.items()}, names)

        return answer


def _members(path: Path) -> dict[str, bytes]:
    members = {}
    for name, most in _MOST.items():
        file = path / _EXTRA / name
        if file.is_symlink() or not file.is_file():
            continue
        if file.stat().st_size > most:
            raise UnsafeFileError(f"{file} is refused: it has more than {most} bytes")
        members[name] = file.read_bytes()
    return members
