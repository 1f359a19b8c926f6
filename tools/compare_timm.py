"""Hold every row that names a model of timm against the real timm: `make test-timm`.

python -m tools.compare_timm path/to/python/with/timm [rows ...] > table
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
TOLERANCE = 1e-4
SIDE = 96
"""About; the next multiple of the patch, and no less than the smallest the network takes."""


def main(python: str, names: list[str]) -> int:
    """Print a table; exit code 1 if any row is off."""
    from zoo.specs import Catalog

    specs = Catalog.model_validate(json.loads((ROOT / "registry.json").read_text())).contributes.backbones
    chosen = [spec for spec in specs if _source(spec) and (not names or spec.name in names)]
    chosen.sort(key=lambda spec: spec.params)
    bad = 0
    print("| row | timm | side | pre-logits | class token | mean of patches | timm float32 to float64 | s |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        command = [python, str(ROOT / "tools" / "timm_outputs.py"), folder]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as timm:
            for spec in chosen:
                cells, worst, rounding = _compared(spec, timm, Path(folder))
                # A deep network of random weights may multiply rounding errors until timm differs from itself.
                bad += worst > max(TOLERANCE, 10 * rounding)
                print(f"| {' | '.join(cells)} |", flush=True)
            assert timm.stdin is not None
            timm.stdin.close()
    print(
        f"{len(chosen)} rows, {bad} off by more than {TOLERANCE:g} and ten times timm's own rounding", file=sys.stderr
    )
    return 1 if bad else 0


def _source(spec: Any) -> Any:
    return next((source for source in spec.weights if source.timm), None)


def _compared(spec: Any, timm: Any, folder: Path) -> tuple[list[str], float, float]:
    import keras

    import zoo

    start, source = time.perf_counter(), _source(spec)
    step = spec.input.multiple_of
    side = max(-(-SIDE // step) * step, spec.input.min_size)
    numbers = {"mean": spec.preprocessing.mean, "std": spec.preprocessing.std}
    if spec.preprocessing.scale == 1:  # numbers for pixels 0..255
        numbers = {key: [value / 255 for value in values] for key, values in numbers.items()}
    request = {"timm": source.timm, "size": side, "tokens": spec.output == "tokens", **numbers}
    timm.stdin.write(json.dumps(request) + "\n")
    timm.stdin.flush()
    if timm.stdout.readline().strip() != "ready":
        raise SystemExit(f"timm failed on {source.timm}")
    told = np.load(folder / "outputs.npz")
    off = {}
    for name, features in (("features", None), ("cls", "cls"), ("avg", "avg")):
        if name in told:
            keras.utils.clear_session()
            mine = zoo.embed(
                list(told["pixels"]),
                spec.name,
                weights=folder / "weights.safetensors",
                features=features,
                input_size=side,
                cache=False,
            )
            off[name] = _relative(mine.array, told[name])
    cells = [f"{off[name]:.1e}" if name in off else "" for name in ("features", "cls", "avg")]
    exact, seconds = _relative(told["features"], told["exact"]), time.perf_counter() - start
    return [spec.name, source.timm, str(side), *cells, f"{exact:.1e}", f"{seconds:.0f}"], max(off.values()), exact


def _relative(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max() / np.abs(b).max())


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], sys.argv[2:]))
