"""What every metric has to keep to: `MetricConformance`."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from zoo.testing.suite import EntryConformance

_COUNT = 40


class MetricConformance(EntryConformance):
    """The checks of a metric.

    Example:
        ```python
        class TestErrorRate(MetricConformance):
            name = "error-rate"
        ```

    Attributes:
        name: the metric, bare or as "plugin:name".
    """

    abstract = True
    kind: ClassVar[str] = "metrics"

    def _task(self) -> str:
        return "classification" if self.spec.task == "any" else str(self.spec.task)

    def _case(self, *, right: bool, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Answers and truth of the task: perfect ones, or ones drawn without looking at the truth."""
        draw = np.random.default_rng(seed)
        task = self._task()
        if task == "classification":
            truth: np.ndarray = np.arange(_COUNT) % 3
            answers = np.eye(3)[truth] if right else draw.dirichlet(np.ones(3), _COUNT)
        elif task == "multilabel":
            truth = (draw.random((_COUNT, 3)) < 0.5).astype(np.float64)
            answers = truth.copy() if right else draw.random((_COUNT, 3))
        else:
            corner = draw.random((_COUNT, 2)) / 2
            truth = np.hstack([corner, corner + 0.4]) if task == "box" else draw.normal(size=(_COUNT, 2))
            answers = truth.copy() if right else draw.permutation(truth)
        return answers.astype(np.float64), truth

    def _figure(self, answers: np.ndarray, truth: np.ndarray, weights: np.ndarray | None = None) -> float:
        function = self.plugins.target(self.entry, self.spec.function)
        value: Any = function(answers, truth, np.ones(len(answers)) if weights is None else weights)
        if isinstance(value, bool | str) or np.ndim(value) != 0:
            self.fail(f"it returned {value!r}; it must return one float")
        return float(value)

    def check_returns_a_float(self) -> None:
        """The evaluation has a note in place of the figure."""
        for right in (True, False):
            if np.isinf(self._figure(*self._case(right=right))):
                self.fail("it returned infinity; a figure that is not defined is NaN")

    def check_direction(self) -> None:
        """A comparison takes the worse of two models for the better one."""
        self.need("check_returns_a_float")
        best, worse = (self._figure(*self._case(right=right)) for right in (True, False))
        if np.isnan(best) or np.isnan(worse):
            self.skip("it is not defined on the data of this check")
        if (best < worse) if self.spec.higher_is_better else (best > worse):
            self.fail(
                f"higher_is_better={self.spec.higher_is_better}, and perfect answers give {best:g}, "
                f"random ones {worse:g}"
            )

    def check_repeats(self) -> None:
        """The same model gets another figure each time it is measured."""
        self.need("check_returns_a_float")
        case = self._case(right=False)
        first, second = self._figure(*case), self._figure(*case)
        if first != second and not (np.isnan(first) and np.isnan(second)):
            self.fail(f"the same answers give {first:g} and then {second:g}")

    def check_leaves_arguments_alone(self) -> None:
        """The next metric measures other answers than the model gave."""
        self.need("check_returns_a_float")
        answers, truth = self._case(right=False)
        before = answers.copy(), truth.copy()
        self._figure(answers, truth)
        if not np.array_equal(answers, before[0]) or not np.array_equal(truth, before[1]):
            self.fail("it writes into the arrays that it is given: work on copies")

    def check_order_does_not_matter(self) -> None:
        """The figure depends on the order of the files."""
        self.need("check_returns_a_float")
        answers, truth = self._case(right=False)
        place = np.random.default_rng(1).permutation(len(answers))
        first, second = self._figure(answers, truth), self._figure(answers[place], truth[place])
        if not np.isclose(first, second, rtol=1e-9, equal_nan=True):
            self.fail(f"the same examples in another order give {second:g} instead of {first:g}")

    def check_one_example(self) -> None:
        """Measuring a single example ends in an error."""
        self.need("check_returns_a_float")
        answers, truth = self._case(right=False)
        try:
            self._figure(answers[:1], truth[:1])
        except Exception as error:
            self.fail(
                f"with one example it raises {type(error).__name__}: {error}; where it is not defined, return NaN"
            )
