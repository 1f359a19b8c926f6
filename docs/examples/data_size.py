"""How many photos are enough? A learning curve.

The course tells three regimes by the size of the training set. Here is what more photos of each class give, measured
on the same 250 held-out photos.
"""

# /// example
# data = ["flowers5"]
# shows = []
# ///

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import zoo

folders = sorted(path for path in Path("data/flowers5").iterdir())


def photos(start, stop):
    """The photos of each class from one place to another."""
    chosen = [file for folder in folders for file in sorted(folder.iterdir())[start:stop]]
    return zoo.from_files(chosen, lambda path: path.parent.name)


held_out = photos(200, 250)
sizes = (2, 5, 10, 20, 50, 100, 200)

# %% [markdown]
# Features are computed once for all sizes: the larger sets contain the smaller ones.

# %%
figures = []
for size in sizes:
    model = zoo.build("efficientnet_lite0", zoo.classifier(held_out), input_size=128)
    run = model.fit(photos(0, size), recipe="probe", validation=held_out)
    figures.append((run.validation.accuracy, *run.validation.interval))
    print(f"{size:4} photos per class: {figures[-1][0]:.3f} ({figures[-1][1]:.3f} to {figures[-1][2]:.3f})")

# %%
accuracy, low, high = np.array(figures).T
picture, axes = plt.subplots(figsize=(5.5, 3.2))
axes.errorbar(sizes, accuracy, [accuracy - low, high - accuracy], marker="o", capsize=3)
axes.set(xscale="log", xlabel="photos per class", ylabel="accuracy on 250 held-out photos", ylim=(0.3, 1))
axes.set_xticks(sizes, [str(size) for size in sizes])
picture

# %% [markdown]
# The first ten photos of each class give most of it. From there on, each doubling gives a few points, and the
# interval, which depends on the 250 held-out photos, is wider than that step. More photos pay off most where there
# are few.

# %% [check]
assert figures[-1][0] > figures[0][0] + 0.1
figure = f"{figures[0][0]:.2f} with 2 photos per class, {figures[2][0]:.2f} with 10, {figures[-1][0]:.2f} with 200"
