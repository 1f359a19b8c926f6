"""Cost as data grows: seconds and peak memory of a probe fit and of a second one on 1, 2 and 4 times the photos.

Run: python benchmarks/scaling.py FOLDER [PHOTOS]

PHOTOS (default 300) is the 1x; a folder with fewer than 4x photos has them repeated, each copy changed in one pixel so
that nothing is found in the cache. Each size runs in a process of its own: memory that one size leaves behind does not
count for the next.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

BACKBONE = "efficientnet_lite0"


def main(folder: str, photos: str = "300") -> None:
    """Print a table; ratios are against the row above."""
    print(f"{platform.platform()}, {os.cpu_count()} cores, {BACKBONE}, load {os.getloadavg()[0]:.1f}")
    print("| photos | first fit s | times | second fit s | times | peak MB | more MB |\n|" + "---|" * 7, flush=True)
    last: dict[str, float] | None = None
    for factor in (1, 2, 4):
        with tempfile.TemporaryDirectory() as scratch:
            command = [sys.executable, __file__, "--one", folder, str(factor * int(photos)), scratch]
            now = json.loads(
                subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
            )
        ratio = {name: f"{now[name] / last[name]:.2f}" if last else "" for name in ("first", "second")}
        more = f"{now['peak'] - last['peak']:+.0f}" if last else ""
        print(f"| {now['photos']} | {now['first']:.1f} | {ratio['first']} | {now['second']:.2f} | {ratio['second']} | "
              f"{now['peak']:.0f} | {more} |", flush=True)  # fmt: skip
        last = now


def one(folder: str, count: int, scratch: str) -> None:
    """Fit twice on `count` photos; the figures as one line of JSON."""
    os.environ["ZOO_CACHE_DIR"] = f"{scratch}/cache"
    import numpy as np
    from PIL import Image

    import zoo
    from zoo import data

    files = data.load(folder)
    order = np.resize(np.random.default_rng(0).permutation(len(files)), count)
    target = Path(scratch) / "photos"
    for number, index in enumerate(order):
        place = target / files.labels[files.targets[index]] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        image = Image.open(Path(folder) / files.ids[index]).convert("RGB")
        image.putpixel((0, 0), (number % 256, number // 256 % 256, 0))
        image.save(place, compress_level=1)
    zoo.build(BACKBONE, head=zoo.classifier(str(target)))  # imports and the reading of specs are not timed
    seconds = []
    for number in (1, 2):
        start = time.perf_counter()
        model = zoo.build(BACKBONE, head=zoo.classifier(str(target)))
        model.fit(str(target), recipe="probe", directory=f"{scratch}/run{number}")
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"photos": count, "first": seconds[0], "second": seconds[1], "peak": peak}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2], int(sys.argv[3]), sys.argv[4])
    else:
        main(*sys.argv[1:])
