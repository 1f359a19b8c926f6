"""DINOv2 ViT-S/14 at its real size, random weights: seconds to build, features of 32 photos, peak memory.

Run: python benchmarks/dinov2_small.py FOLDER_OF_PHOTOS
"""

from __future__ import annotations

import resource
import sys
import time
from itertools import islice
from pathlib import Path

import zoo


def peak() -> float:
    """Return the peak memory of this process, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print seconds and memory of building, and of 32 photos the first and the second time."""
    photos = [str(path) for path in islice(sorted(Path(sys.argv[1]).rglob("*.jpg")), 32)]
    for size in (224, 518):
        start = time.perf_counter()
        model = zoo.build("dinov2_small", zoo.classifier(["a", "b"]), weights=None, input_size=size)
        built = time.perf_counter() - start
        print(f"{size} px: built in {built:.1f} s, peak {peak():,.0f} MB", flush=True)
        for turn in ("first", "second"):
            start = time.perf_counter()
            array = model.embed(photos, cache=False).array
            seconds = time.perf_counter() - start
            print(
                f"  {turn} time: {array.shape} in {seconds:.1f} s, {1000 * seconds / len(photos):.0f} ms an image",
                flush=True,
            )
        print(f"  peak {peak():,.0f} MB", flush=True)


if __name__ == "__main__":
    main()
