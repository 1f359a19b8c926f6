"""Cached features: the second fit takes seconds.

A frozen network gives the same features for the same pixels. zoo computes them once and keeps them, found by content.
"""

# /// example
# data = ["flowers5"]
# shows = []
# ///

# %%
import time
from pathlib import Path

import zoo

photos = [file for folder in sorted(Path("data/flowers5").iterdir()) for file in sorted(folder.iterdir())[:40]]
flowers = zoo.from_files(photos, lambda path: path.parent.name)


def seconds(head, data):
    """Fit a head and say how long that took."""
    model = zoo.build("efficientnet_lite0", zoo.classifier(data, head=head), input_size=160)
    start = time.perf_counter()
    run = model.fit(data, recipe="probe" if head == "linear" else "head")
    return time.perf_counter() - start, run.validation.accuracy


# %%
first, _ = seconds("linear", flowers)
second, _ = seconds("linear", flowers)
other, _ = seconds("mlp", flowers)
print(f"first fit {first:.1f} s, the same again {second:.1f} s, another head {other:.1f} s")

# %% [markdown]
# Add photos, and only they are computed. Rename or copy a photo, and nothing is.

# %%
more = [file for folder in sorted(Path("data/flowers5").iterdir()) for file in sorted(folder.iterdir())[:44]]
added, _ = seconds("linear", zoo.from_files(more, lambda path: path.parent.name))
print(f"with 20 photos more: {added:.1f} s")

# %% [markdown]
# What is in the key of kept features, and what is not: [what is kept](../explanations/kept.md).

# %% [check]
assert second < first
figure = f"first fit {first:.1f} s, second {second:.1f} s, another head {other:.1f} s"
