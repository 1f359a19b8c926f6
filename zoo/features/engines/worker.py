"""A worker of the pool, in a process of its own: shards in on stdin, answers out on stdout, until stdin ends."""

from __future__ import annotations

import json
import os
import queue
import shutil
import sys
import threading
from pathlib import Path
from typing import IO, Any

import numpy as np

from zoo.features.engines.interface import Answer, Job, Task

_MODEL, _SETTINGS = "model.keras", "job.json"


def lay_down(job: Job, folder: Path) -> None:
    """Write what workers need into an empty folder: the network as Keras saves it, the examples, the intake."""
    from zoo.data.parcel import pack

    job.model.save(folder / _MODEL)
    pack(job.dataset, folder)
    (folder / _SETTINGS).write_text(json.dumps({"intake": job.intake.model_dump(mode="json")}))


def take_up(folder: Path) -> Job:
    """The job that `lay_down` wrote."""
    import keras

    from zoo.data.modalities import read_intake
    from zoo.data.parcel import unpack

    settings = json.loads((folder / _SETTINGS).read_text())
    model = keras.saving.load_model(folder / _MODEL, compile=False)
    return Job(model, unpack(folder), read_intake(settings["intake"]))


def order(task: Task) -> bytes:
    """A task as a line."""
    return json.dumps([task.shard, task.members.start, task.members.stop]).encode() + b"\n"


READY = b"ready\n"


def send(stream: IO[bytes], answer: Answer) -> None:
    """Write an answer: a line that describes it, then its values."""
    head: dict[str, Any] = {
        "shard": answer.shard,
        "shape": answer.values.shape,
        "positions": answer.positions.tolist(),
        "skipped": answer.skipped,
    }
    stream.write(json.dumps(head).encode() + b"\n")
    stream.write(np.ascontiguousarray(answer.values, np.float32).tobytes())
    stream.flush()


def receive(stream: IO[bytes]) -> Answer | None:
    """The next answer, whole; None at the end of the stream, also in the middle of an answer."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        return None
    head = json.loads(line)
    shape = tuple(head["shape"])
    size = int(np.prod(shape)) * 4
    data = stream.read(size)
    if len(data) < size:
        return None
    return Answer(
        head["shard"],
        np.frombuffer(data, np.float32).reshape(shape),
        np.array(head["positions"], np.int64),
        tuple((number, reason) for number, reason in head["skipped"]),
    )


def main(folder: Path) -> None:
    """Compute what is asked until stdin ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not get among the answers
    orders: queue.Queue[Task] = queue.Queue()
    threading.Thread(target=_listen, args=(orders, folder), daemon=True).start()
    from zoo.features.engines.in_process import InProcess

    job, engine = take_up(folder), InProcess()
    answers.write(READY)
    answers.flush()
    while True:
        for answer in engine.run(job, [orders.get()], lambda images: None):
            send(answers, answer)


def _listen(orders: queue.Queue[Task], folder: Path) -> None:
    """Take orders. When stdin ends, whoever gave them is gone, killed perhaps: clear up and end at once."""
    for line in sys.stdin.buffer:
        shard, start, stop = json.loads(line)
        orders.put(Task(shard, range(start, stop)))
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
