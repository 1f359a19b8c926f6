"""Flowers by transfer learning.

The same untouched network, with a new head on its features, trained on 60 photos of each of five flowers.
"""

# /// example
# data = ["flowers5"]
# shows = []
# ///

# %%
from pathlib import Path

import zoo

photos = [file for folder in sorted(Path("data/flowers5").iterdir()) for file in sorted(folder.iterdir())[:60]]
flowers = zoo.from_files(photos, lambda path: path.parent.name)

# %%
model = zoo.build("efficientnet_lite0", zoo.classifier(flowers), input_size=160)
run = model.fit(flowers, recipe="probe", test=0.25, seed=0)
print(run.test)

# %%
zoo.plots.confusion_matrix(run.test)

# %% [markdown]
# Rows are the true classes here, columns the predicted ones. (Some lectures have it the other way round: then read it
# transposed.) The diagonal is what is right.
#
# ## How sure is that?
#
# The interval says what another 75 photos could have given. Beside it, always saying one class would be right for one
# in five, and the same head on raw pixels tells what the network adds:

# %%
from zoo import data
from zoo.evaluation import raw_baseline

parts = data.split(flowers, validation=0.2, test=0.25, seed=0)
pixels = raw_baseline(flowers, parts.train, parts.validation, seed=0)
low, high = run.test.interval
print(f"frozen network {run.test.accuracy:.3f} ({low:.3f} to {high:.3f}), raw pixels {pixels:.3f}")

# %% [check]
assert run.test.accuracy > 0.8
assert pixels < 0.6
figure = f"accuracy {run.test.accuracy:.3f} ({low:.3f} to {high:.3f}); raw pixels {pixels:.3f}"
