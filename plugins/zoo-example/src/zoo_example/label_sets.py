"""The label sets of zoo-example, and the two answers that its head gives and its dataset holds."""

from __future__ import annotations

from zoo.specs import BOX_LABELS, LabelSet, Output

LABELS = ("bar", "disc", "square")
"""The classes, in output order."""

OUTPUTS = (
    Output(name="shape", labels=LABELS),
    Output(name="where", task="box", labels=BOX_LABELS, weight=5.0),
)
"""Which shape it is, and its box."""

SPECS = (
    LabelSet(
        name="shapes",
        summary="the three shapes that the dataset 'shapes' draws",
        labels=LABELS,
        source="zoo-example",
    ),
)
