"""Flowers, predicted by an untouched network.

What does a network that was trained on ImageNet say about photos of five flowers, before anything is trained? VGG16,
which the course uses, needs a download of 528 MB; this page uses `efficientnet_lite0`, whose weights come with zoo.
"""

# /// example
# data = ["flowers5"]
# shows = []
# ///

# %%
from collections import Counter
from pathlib import Path

import zoo

model = zoo.build("efficientnet_lite0")  # without a head: the classifier that came with the weights
print(len(model.labels), "classes")

# %%
for flower in sorted(path.name for path in Path("data/flowers5").iterdir()):
    photos = sorted(Path("data/flowers5", flower).iterdir())[:30]
    counts = Counter(answer.label for answer in model.predict(photos))
    print(f"{flower:11}", ", ".join(f"{label} {count}" for label, count in counts.most_common(4)))
    if flower == "daisy":
        daisies = counts["daisy"]

# %% [markdown]
# Of the five flowers, ImageNet knows the daisy only. For the others it names what else is in the photo, or the
# nearest thing it knows. No amount of "confidence" makes a class appear that the classifier does not have.
#
# Its features know more than its classes do: [flowers by transfer learning](flowers_transfer.md).

# %% [check]
assert daisies > 20
figure = f'daisies named "daisy": {daisies} of 30; the other four classes are unknown to it'
