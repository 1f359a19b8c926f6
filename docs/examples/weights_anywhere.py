"""Weights from anywhere.

Model zoos, releases, "download the code and the weights": a file of weights is worth what is known of it. `weights=`
takes the path of a file; a row of a plugin takes an address with a digest. Either way it is read without running its
code, and it must fit the network exactly.
"""

# /// example
# data = ["weights", "cats_vs_dogs"]
# shows = []
# ///

# %%
from pathlib import Path

import zoo

file = Path("data/weights/imagenet/mobilenet_2_5_224_tf_no_top.h5")
photos = [path for kind in ("cats", "dogs") for path in sorted(Path("data/cats_vs_dogs", kind).iterdir())[:50]]
pets = zoo.from_files(photos, lambda path: path.parent.name)

# %%
model = zoo.build("mobilenet_025", zoo.classifier(pets), weights=file, input_size=128)
run = model.fit(pets, recipe="probe", seed=0)
print(run.validation)

# %% [markdown]
# The run records what the weights were: the sha256 of the file. A file that does not fit is one clear error:

# %%
try:
    zoo.build("vgg16", zoo.classifier(pets), weights=file)
except zoo.ZooError as error:
    print(error)

# %% [markdown]
# - A pickle is never run: of `.pth` files only tensors are read.
# - A download is checked against the digest that its publisher gave. Where there is none, the sha256 of the first use
# is   recorded and held to.
# - `zoo weights ls` lists what is here; `zoo show NAME` says where the weights of a backbone come from, under which
# license.

# %% [check]
assert run.validation.accuracy > 0.65
figure = f"accuracy {run.validation.accuracy:.3f} with the weights of a file"
