"""Exports of efficientnet_lite0 with the flowers5 head: size, difference, milliseconds, accuracy; and the cold start.

Run: python benchmarks/exports.py ../shared/data/flowers5
Cold start: whole processes, a bare script of NumPy, Pillow and onnxruntime against `zoo predict`, taken in turns.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

FORMATS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("saved", {}),
    ("m.onnx", {}),
    ("m.tflite", {}),
    ("half.tflite", {"quantize": "float16"}),
    ("int8.tflite", {"quantize": "int8"}),
)

BARE = """
import sys
import numpy as np, onnxruntime
from PIL import Image
x = np.asarray(Image.open(sys.argv[1]).convert("RGB").resize((224, 224)))[None]
session = onnxruntime.InferenceSession(sys.argv[2])
print(session.run(None, {session.get_inputs()[0].name: x})[0].argmax())
"""


def main(folder: Path, rounds: int = 9) -> None:
    import zoo
    from zoo.export.listing import exports_of

    model = zoo.build("efficientnet_lite0", head="flowers5")
    photos = [path for flower in sorted(folder.iterdir()) for path in sorted(flower.iterdir())]
    parts = {str(path): path.parent.name for path in photos[1::7]}
    samples = [str(path) for path in photos[::7]][:200]
    held_out = zoo.from_files(list(parts), list(parts.values()))
    expected = model.evaluate(held_out, verbose=0).accuracy
    print(f"in Keras: accuracy {expected:.4f} on {len(parts)} photos")
    with tempfile.TemporaryDirectory() as place:
        for name, options in FORMATS:
            model.export(Path(place, name), samples=samples if options.get("quantize") == "int8" else None, **options)
            row = exports_of(Path(place))[name]
            exported = zoo.load(Path(place, name), trust=True)
            accuracy = exported.evaluate(held_out, verbose=0).accuracy
            print(
                f"{name:12} {row['bytes'] / 1e6:6.1f} MB  difference {row['difference']:.1e}"
                f"  {row['milliseconds']:6.1f} ms  in a batch {row['milliseconds_in_batch']:6.1f} ms"
                f"  accuracy {accuracy:.4f}",
                flush=True,
            )
        cold_start(str(photos[0]), str(Path(place, "m.onnx")), rounds)


def cold_start(photo: str, file: str, rounds: int) -> None:
    """Print the least wall time of both processes, and their ratio."""
    commands = {
        "bare script": [sys.executable, "-c", BARE, photo, file],
        "zoo predict": [sys.executable, "-m", "zoo.cli", "predict", photo, "--model", file],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            times[name].append(time.perf_counter() - start)
    bare, ours = (min(values) for values in times.values())
    print(f"cold start: bare script {bare:.2f} s, zoo predict {ours:.2f} s, ratio {ours / bare:.2f} (goal: 1.7)")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
