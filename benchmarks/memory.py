"""Peak memory of extraction as the number of images grows, a fresh process for each engine and number.

Run: python benchmarks/memory.py [FEW] [MANY] [BACKBONE] [ENGINE ...]

Images are synthetic JPEG files, a few pictures under many names; features go to the cache. The peak is that of the
resident set of the process, of its workers too with the pool (the sum, ten times a second); beside it that of its
own memory, without the files that are mapped (the features kept), which the system takes back when it needs room. A
first process that is not measured converts the network, where the engine does.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from zoo_vision.intake import ImageIntake

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

MEGABYTE = 2**20


def photos(folder: Path, count: int) -> None:
    """Files of about the size of a small photo; every one has bytes of its own."""
    import io

    import numpy as np
    from PIL import Image

    folder.mkdir()
    random = np.random.default_rng(0)
    kinds = []
    for _ in range(16):
        small = Image.fromarray(random.integers(0, 256, (16, 20, 3)).astype(np.uint8))
        buffer = io.BytesIO()
        small.resize((320, 240)).save(buffer, "JPEG", quality=85)
        kinds.append(buffer.getvalue())
    for number in range(count):
        (folder / f"{number:06d}.jpg").write_bytes(kinds[number % 16] + str(number).encode())  # after the end of image


def resident(pids: list[int]) -> tuple[int, int]:
    """Bytes of the resident sets, and of those what is no page of a file."""
    whole = own = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        except OSError:  # ended
            continue
        found = {line.split(":")[0]: 1024 * int(line.split()[1]) for line in lines if line.startswith(("VmRSS", "Rss"))}
        whole += found.get("VmRSS", 0)
        own += found.get("RssAnon", 0) + found.get("RssShmem", 0)
    return whole, own


def family(pid: int) -> list[int]:
    """The process and its children."""
    try:
        children = [
            child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
        ]
    except OSError:
        children = []
    return [pid, *map(int, children)]


def extraction(folder: str, backbone: str, engine: str) -> None:
    """What a fresh process does: extract, and print the peak."""
    import numpy as np

    import zoo
    from zoo import data
    from zoo.features import extract

    peaks, done = [0, 0], threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            peaks[:] = map(max, peaks, resident(family(os.getpid())))

    watcher = threading.Thread(target=watch)
    watcher.start()
    model = zoo.build(backbone, head=zoo.classifier(["a", "b"]), input_size=64)
    files = data.ImageFiles.from_folder(folder)
    start = time.perf_counter()
    found = extract(
        model.composition.features,
        files,
        np.arange(len(files)),
        intake=ImageIntake(size=model.input_size, rule=model.composition.intake.rule),
        cache=True,
        engine=engine,
    )
    seconds = time.perf_counter() - start
    done.set()
    watcher.join()
    assert found.computed == len(files)
    print(*peaks, seconds)


def main(few: str = "1000", many: str = "20000", backbone: str = "efficientnet_lite0", *engines: str) -> None:
    """Print the peaks and their difference, engine by engine."""
    print(f"{platform.platform()}, {os.cpu_count()} cores; {backbone} at 64 pixels; load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as scratch:
        counts = [int(few), int(many)]
        for count in {32, *counts}:
            photos(Path(scratch, str(count)), count)
        for engine in engines or ("keras", "pool", "onnx"):
            peaks = []
            for count in [32, *counts]:
                order = [sys.executable, __file__, "--one", f"{scratch}/{count}", backbone, engine]
                told = subprocess.run(
                    order,
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                    env=os.environ | {"ZOO_CACHE_DIR": f"{scratch}/cache-{engine}"},
                ).stdout.split()
                if count == 32:
                    continue
                whole, own = (int(word) / MEGABYTE for word in told[:2])
                peaks.append((whole, own))
                print(f"{engine:6} {count:6} images: {whole:5.0f} MB, its own {own:5.0f} MB, {float(told[2]):.0f} s")
            growth = [late - early for early, late in zip(*peaks, strict=True)]
            print(f"{engine:6} growth: {growth[0]:.0f} MB, its own {growth[1]:.0f} MB", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        extraction(*sys.argv[2:])
    else:
        main(*sys.argv[1:])
