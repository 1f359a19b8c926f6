"""Counts requests and their times, and says so in the text format of Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper ends of the classes of times, in seconds."""


class Counts:
    """What was asked of a server so far."""

    def __init__(self) -> None:
        self._statuses: Counter[int] = Counter()
        self._below = [0] * len(BOUNDS)
        self._seconds = 0.0
        self._count = 0

    def note(self, status: int, seconds: float) -> None:
        """Count one request to predict.

        Args:
            status: of the answer.
            seconds: that it took.
        """
        self._statuses[status] += 1
        self._count += 1
        self._seconds += seconds
        for place, bound in enumerate(BOUNDS):
            self._below[place] += seconds <= bound

    def text(self, batches: Sequence[int]) -> str:
        """Return the figures in the text format of Prometheus.

        Args:
            batches: at each place n, how many batches of n examples there were.
        """
        lines = ["# HELP zoo_requests_total Requests to predict, by status.", "# TYPE zoo_requests_total counter"]
        lines += [f'zoo_requests_total{{status="{status}"}} {n}' for status, n in sorted(self._statuses.items())]
        lines += ["# HELP zoo_request_seconds Time of a request.", "# TYPE zoo_request_seconds histogram"]
        lines += [
            f'zoo_request_seconds_bucket{{le="{bound:g}"}} {n}' for bound, n in zip(BOUNDS, self._below, strict=True)
        ]
        lines.append(f'zoo_request_seconds_bucket{{le="+Inf"}} {self._count}')
        lines += [f"zoo_request_seconds_sum {self._seconds:.6f}", f"zoo_request_seconds_count {self._count}"]
        examples = sum(size * number for size, number in enumerate(batches))
        lines += ["# HELP zoo_batches_total Forward passes.", "# TYPE zoo_batches_total counter"]
        lines.append(f"zoo_batches_total {sum(batches)}")
        lines += ["# HELP zoo_examples_total Examples answered.", "# TYPE zoo_examples_total counter"]
        lines.append(f"zoo_examples_total {examples}")
        return "\n".join(lines) + "\n"
