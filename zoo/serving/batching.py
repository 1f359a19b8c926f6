"""Puts requests that arrive together into one forward pass."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any


class OverloadedError(Exception):
    """So many requests wait that one more would wait too long."""


class Batcher:
    """Answers examples one batch at a time, in a thread of its own.

    Args:
        answer: from a list of examples to a list of answers.
        most: examples of a batch.
        wait: seconds that the first of a batch waits for others.
        waiting: requests that may wait; one more is refused.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Any]], Sequence[Any]],
        *,
        most: int = 16,
        wait: float = 0.004,
        waiting: int = 256,
    ) -> None:
        self._answer, self._most, self._wait = answer, most, wait
        self._queue: asyncio.Queue[tuple[Any, asyncio.Future[Any]]] = asyncio.Queue(waiting)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="zoo-serving")
        self._task: asyncio.Task[None] | None = None
        self.sizes: list[int] = [0] * (most + 1)

    def start(self) -> None:
        """Begin to answer; called within the event loop."""
        self._task = asyncio.get_running_loop().create_task(self._work())

    async def stop(self) -> None:
        """Answer what waits, then end."""
        await self._queue.join()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self._pool.shutdown()

    async def ask(self, example: Any) -> Any:
        """Return the answer to one example.

        Raises:
            OverloadedError: too many wait already.
        """
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait((example, future))
        except asyncio.QueueFull:
            raise OverloadedError from None
        return await future

    async def _next(self) -> list[tuple[Any, asyncio.Future[Any]]]:
        """The next batch: what comes in the time that the first example waits, as much as goes into one."""
        loop = asyncio.get_running_loop()
        batch = [await self._queue.get()]
        until = loop.time() + self._wait
        while len(batch) < self._most and (left := until - loop.time()) > 0:
            with suppress(TimeoutError):
                batch.append(await asyncio.wait_for(self._queue.get(), left))
        return batch

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch = await self._next()
            self.sizes[len(batch)] += 1
            try:
                answers = await loop.run_in_executor(self._pool, self._answer, [example for example, _ in batch])
            except (
                Exception
            ) as error:  # whatever answering raises belongs to those who asked, and the next batch goes on
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
            else:
                for (_, future), answer in zip(batch, answers, strict=True):
                    if not future.done():  # who asked may have gone away
                        future.set_result(answer)
            finally:
                for _ in batch:
                    self._queue.task_done()
