"""What every engine has to keep to: `EngineConformance`."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from zoo.testing.suite import EntryConformance


class EngineConformance(EntryConformance):
    """The checks of an engine: it computes features of a small network on small pictures, and Keras the same.

    Example:
        ```python
        class TestOneByOne(EngineConformance):
            name = "one-by-one"
        ```

    Attributes:
        name: the engine, bare or as "plugin:name".
    """

    abstract = True
    kind: ClassVar[str] = "engines"

    def _job(self) -> Any:
        from zoo.data.modalities import assumed, kind_of
        from zoo.features.engines import Job
        from zoo.testing.tiny import SIDE, tiny_backbone, tiny_dataset

        return self.keep(
            "job", lambda: Job(tiny_backbone(), tiny_dataset(), kind_of(assumed()).fit((), {"size": SIDE}))
        )

    def _engine(self) -> Any:
        from zoo.features.engines.of_plugin import OfPlugin

        return OfPlugin(self.entry)

    def _answers(self, sizes: tuple[int, ...] = (32, 4)) -> dict[int, Any]:
        from zoo.features.engines import Task

        ends = np.cumsum((0, *sizes)).tolist()
        tasks = [Task(shard, range(a, b)) for shard, (a, b) in enumerate(pairwise(ends))]
        return {answer.shard: answer for answer in self._engine().run(self._job(), tasks, lambda images: None)}

    def check_identity(self) -> None:
        """Features of one version are taken for those of another."""
        identities = {self._engine().identity for _ in range(2)}
        if len(identities) != 1:
            self.fail(f"identity changes from call to call: {', '.join(sorted(identities))}")

    def check_refuses_in_words(self) -> None:
        """The user is not told why Keras computes the features."""
        self._engine().refuses(self._job())

    def _usable(self) -> None:
        self.need("check_refuses_in_words")
        reason = self._engine().refuses(self._job())
        if reason:
            self.skip(f"it refuses the job of this check: {reason}")

    def check_features_are_those_of_keras(self) -> None:
        """The probe is trained on other features than the model computes when it is used."""
        self._usable()
        answers = self._answers()
        if sorted(answers) != [0, 1]:
            self.fail(f"of the tasks 0 and 1 it answered {sorted(answers)}")

    def check_repeats(self) -> None:
        """A shard that is computed again after a crash differs from the one that was lost."""
        self.need("check_features_are_those_of_keras")
        first, second = self._answers(), self._answers()
        if any(not np.array_equal(first[shard].values, second[shard].values) for shard in first):
            self.fail("the same tasks give other bits the second time")

    def check_ends_early(self) -> None:
        """Ctrl-C leaves processes or threads behind, or ends in an error."""
        self.need("check_features_are_those_of_keras")
        from zoo.features.engines import Task

        answers = self._engine().run(self._job(), [Task(0, range(32)), Task(1, range(32, 36))], lambda images: None)
        next(answers)
        answers.close()

    def check_tells_progress(self) -> None:
        """The progress bar stands still."""
        self.need("check_features_are_those_of_keras")
        from zoo.features.engines import Task

        counted: list[int] = []
        list(self._engine().run(self._job(), [Task(0, range(32))], counted.append))
        if sum(counted) != 32:
            self.fail(f"tell was called with {counted}, together {sum(counted)}; it computed 32 examples")
