"""Cats and dogs: limit a network to your own classes.

ImageNet has 118 breeds of dog and five kinds of cat, and no class "cat" or "dog". `zoo.restrict` keeps the classifier
as it is and asks it about your classes only; several labels can be one class. Nothing is trained.
"""

# /// example
# data = ["cats_vs_dogs"]
# shows = []
# ///

# %%
from pathlib import Path

import zoo

photos = [file for kind in ("cats", "dogs") for file in sorted(Path("data/cats_vs_dogs", kind).iterdir())[:60]]
pets = zoo.from_files(photos, lambda path: path.parent.name)

# %%
untouched = zoo.restrict("efficientnet_lite0", {"cats": "cat", "dogs": "dog"})
before = untouched.evaluate(pets)
print(before)

# %% [markdown]
# Where it is wrong, it is wrong in one direction: 118 outputs for dogs stand against five for cats.

# %%
print(before.confusion)

# %% [markdown]
# A head that is trained on a part of the same photos has two classes of equal standing:

# %%
run = zoo.build("efficientnet_lite0", zoo.classifier(pets), input_size=160).fit(pets, recipe="probe", seed=0)
print(run.validation)

# %% [check]
assert before.accuracy > 0.8
assert run.validation.accuracy > 0.9
figure = f"untouched {before.accuracy:.3f}, with a trained head {run.validation.accuracy:.3f}"
