"""Peak memory of `zoo.embed` by number of images: 20,000 must take at most 100 MB more than 1,000.

Each count runs in a process of its own, on files, without a cache entry from before.

Run: python benchmarks/embed_memory.py
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

COUNTS = (1_000, 20_000)
SIDE = 32

CHILD = """
import json, resource, sys, time
import numpy as np
import zoo

start = time.perf_counter()
embeddings = zoo.embed(sys.argv[1], backbone="mobilenet_025", weights=None if sys.argv[2] == "-" else sys.argv[2],
                       input_size=32)
array = embeddings.array
print(json.dumps({
    "images": len(embeddings),
    "shape": list(array.shape),
    "seconds": round(time.perf_counter() - start, 1),
    "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    "memmap": isinstance(array, np.memmap),
    "writable": bool(array.flags.writeable),
}))
"""


def main() -> None:
    """Print peak memory, seconds and kind of array for each count, and the difference."""
    weights = sys.argv[1] if len(sys.argv) > 1 else "-"
    with tempfile.TemporaryDirectory() as text:
        folder, peaks = Path(text), {}
        draw(folder / "photos", max(COUNTS))
        for count in COUNTS:
            part = folder / f"{count}"
            part.mkdir()
            for number in range(count):
                (part / f"{number:05d}.png").symlink_to(folder / "photos" / f"{number:05d}.png")
            row = measure(part, weights, folder / f"cache{count}")
            peaks[count] = row["peak_mb"]
            print(json.dumps(row), flush=True)
        print(f"{peaks[COUNTS[1]] - peaks[COUNTS[0]]} MB more for {COUNTS[1]:,} images than for {COUNTS[0]:,}")


def draw(folder: Path, count: int) -> None:
    """Write different small pictures."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(count):
        pixels = random.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:05d}.png", compress_level=1)


def measure(folder: Path, weights: str, cache: Path) -> dict[str, float]:
    """Embed a folder in a process of its own."""
    import os

    environment = {**os.environ, "ZOO_CACHE_DIR": str(cache), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder), weights], capture_output=True, text=True, env=environment, check=True
    )
    row: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return row


if __name__ == "__main__":
    main()
