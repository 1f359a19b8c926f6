"""The pool: Keras in several processes, a thread of computing each; whoever is killed or late is stood in for."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Collection, Generator, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median

import zoo
from zoo.data.parcel import cannot_travel
from zoo.data.pools import worker_count
from zoo.errors import EngineError
from zoo.features.engines import worker
from zoo.features.engines.in_process import keras_version
from zoo.features.engines.interface import Answer, Job, Task, Tell

RETRIES = 2
"""How often a shard is given to another worker after one has died over it, and a worker is started anew."""

_LATE = 2.0
"""A shard is late when it takes this many times the median of those done: an idle worker computes it too."""
_PATIENCE = 120.0  # seconds until a shard is late while none is done


class Pool:
    """Spawned worker processes with their own decoding and graph.

    They get the network as a `.keras` file and the images as paths or as one mapped file: nothing is pickled, and the
    main module is not imported again. They end with the process that started them, however it ends.

    Args:
        workers: processes; default one per processor.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or worker_count()

    @property
    def identity(self) -> str:
        """See `Engine.identity`."""
        return f"pool of one-threaded keras {keras_version()}"

    def refuses(self, job: Job) -> str:
        """See `Engine.refuses`."""
        import keras

        if job.graph is None:
            return "the network holds code that is not Keras's own"
        if job.transform is not None:
            return "augmented images are made in this process"
        if keras.config.backend() != "tensorflow":
            return f"its workers compute in one thread each, which Keras on {keras.config.backend()} is not told to"
        return cannot_travel(job.dataset)

    def run(self, job: Job, tasks: Sequence[Task], tell: Tell) -> Generator[Answer, None, None]:
        """See `Engine.run`.

        Raises:
            EngineError: several workers died over the same shard, or none could be started.
        """
        with tempfile.TemporaryDirectory(prefix="zoo-pool-", ignore_cleanup_errors=True) as name:
            if tasks:
                worker.lay_down(job, Path(name))
            yield from answers(self.command(Path(name)), Path(name), tasks, self.workers, tell)

    def command(self, folder: Path) -> list[str]:
        """What starts a worker."""
        return [sys.executable, "-P", "-m", "zoo.features.engines.worker", str(folder)]


def answers(
    command: Sequence[str], folder: Path, tasks: Sequence[Task], workers: int, tell: Tell
) -> Generator[Answer, None, None]:
    """Have workers compute tasks; see `Pool.run`.

    Args:
        command: what starts a worker; it speaks as `worker.main` does.
        folder: where the workers' error output goes.
        tasks: what to compute.
        workers: how many at a time, at most.
        tell: told after every answer.
    """
    inbox: queue.Queue[tuple[_Worker, Answer | str]] = queue.Queue()
    waiting = deque(tasks)
    open_tasks = {task.shard: task for task in tasks}
    failures: Counter[int | None] = Counter()
    seconds: list[float] = []
    crew: list[_Worker] = []
    try:
        while open_tasks:
            while len(crew) < min(workers, len(open_tasks)):
                crew.append(_Worker(command, folder / f"{sum(failures.values())}-{len(crew)}.log", inbox))
            _hand_out(crew, waiting, seconds)
            try:
                member, message = inbox.get(timeout=1.0)
            except queue.Empty:
                continue
            if isinstance(message, Answer):
                seconds.append(time.monotonic() - member.since)
                member.task = None
                task = open_tasks.pop(message.shard, None)
                if task is not None:  # else another worker was faster
                    tell(len(task.members))
                    yield message
            elif message == "ready":
                member.ready = True
            else:
                waiting.extendleft(_undone(_bury(member, crew, failures), open_tasks, crew))
    finally:
        for member in crew:
            member.end()


def _hand_out(crew: Sequence[_Worker], waiting: deque[Task], seconds: Sequence[float]) -> None:
    """Give each worker that has nothing to do a task, if there is one."""
    for member in crew:
        if member.ready and member.task is None:
            task = waiting.popleft() if waiting else _late(crew, seconds)
            if task is not None:
                member.give(task)


def _bury(member: _Worker, crew: list[_Worker], failures: Counter[int | None]) -> Task | None:
    """Take a dead worker out; gives back what it was at.

    Raises:
        EngineError: too many died over that.
    """
    crew.remove(member)
    lost = member.task
    member.end()
    shard = None if lost is None else lost.shard
    failures[shard] += 1
    if failures[shard] > RETRIES:
        raise EngineError(_what_failed(shard, failures[shard], member.log))
    return lost


def _undone(lost: Task | None, open_tasks: Collection[int], crew: Sequence[_Worker]) -> list[Task]:
    """What a dead worker was at, unless somebody else has computed it or is at it."""
    if lost is None or lost.shard not in open_tasks or any(member.task == lost for member in crew):
        return []
    return [lost]


def _late(crew: Sequence[_Worker], seconds: Sequence[float]) -> Task | None:
    """The shard that one worker alone has been computing for too long, the longest first."""
    limit = _LATE * median(seconds) if seconds else _PATIENCE
    alone = Counter(member.task.shard for member in crew if member.task)
    now = time.monotonic()
    late = [m for m in crew if m.task and alone[m.task.shard] == 1 and now - m.since > limit]
    return min(late, key=lambda member: member.since).task if late else None


def _what_failed(shard: int | None, times: int, log: Path) -> str:
    lines: list[str] = []
    with suppress(OSError):
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    last = f" Its last words: {lines[-1]}" if lines else ""
    what = "before it began to work" if shard is None else f"over shard {shard} of the features"
    return (
        f"{times} workers of the pool died {what}; too little memory is the usual reason.{last} What is finished is "
        "kept; ZOO_ENGINE=keras computes the rest in this process"
    )


class _Worker:
    """A worker process as the driver sees it; what it says lands in the inbox."""

    def __init__(self, command: Sequence[str], log: Path, inbox: queue.Queue[tuple[_Worker, Answer | str]]) -> None:
        self.log = log
        self.task: Task | None = None
        self.since = 0.0
        self.ready = False
        home = str(Path(zoo.__file__).parent.parent)
        paths = os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))
        threads = dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"), "1")
        with log.open("wb") as errors:
            # A session of its own: Ctrl-C reaches the driver only, who ends its workers.
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=os.environ | threads | {"PYTHONPATH": paths},
                start_new_session=True,
            )
        self._listener = threading.Thread(target=self._listen, args=(inbox,), daemon=True, name="zoo-pool")
        self._listener.start()

    def give(self, task: Task) -> None:
        """Hand a task over; if the worker is dead, its end is in the inbox already."""
        assert self.process.stdin is not None
        self.task, self.since = task, time.monotonic()
        with suppress(OSError):
            self.process.stdin.write(worker.order(task))
            self.process.stdin.flush()

    def end(self) -> None:
        """Kill it, and wait for its end."""
        self.process.kill()
        self.process.wait()
        self._listener.join()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            with suppress(OSError):
                stream.close()

    def _listen(self, inbox: queue.Queue[tuple[_Worker, Answer | str]]) -> None:
        stream = self.process.stdout
        assert stream is not None
        if stream.readline() == worker.READY:
            inbox.put((self, "ready"))
            while (answer := worker.receive(stream)) is not None:
                inbox.put((self, answer))
        inbox.put((self, "ended"))
