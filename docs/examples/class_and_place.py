"""Class and place at once.

One model with two answers: which digit is on the picture, and where. The pictures are made here: digits of
scikit-learn, enlarged, somewhere on an empty ground.
"""

# /// example
# data = []
# shows = ["digits"]
# ///

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import zoo

digits = load_digits()
random = np.random.default_rng(0)
chosen = random.choice(len(digits.images), 400, replace=False)
pictures, kinds, boxes = [], [], []
for place in chosen:
    side = 8 * int(random.integers(3, 6))
    left, top = random.integers(0, 64 - side, 2)
    picture = np.zeros((64, 64), np.uint8)
    enlarged = np.kron(digits.images[place], np.ones((side // 8, side // 8)))
    picture[top : top + side, left : left + side] = enlarged / 16 * 255
    pictures.append(np.repeat(picture[..., None], 3, axis=2))
    kinds.append(str(digits.target[place]))
    boxes.append(np.array([left, top, left + side, top + side]) / 64)
x, kind, box = np.stack(pictures), np.array(kinds), np.stack(boxes)

# %%
head = zoo.multi_output(kind=zoo.classifier([str(digit) for digit in range(10)]), where=zoo.locator())
model = zoo.build("efficientnet_lite0", head, input_size=64, features="stage3")
run = model.fit((x, {"kind": kind, "where": box}), recipe="probe", seed=0)
print(f"accuracy {run.validation['kind'].accuracy:.3f}, overlap {run.validation['where'].mean_iou:.3f}")

# %%
picture, axes = plt.subplots(1, 4, figsize=(6.5, 1.9))
for axis, place in zip(axes, range(4), strict=True):
    answer = model.predict(x[place])[0]
    left, top, right, bottom = 64 * np.array(answer.answers["where"].box)
    axis.imshow(x[place])
    axis.add_patch(plt.Rectangle((left, top), right - left, bottom - top, fill=False, color="orange"))
    axis.set(title=f"{answer.label}, is {kind[place]}", xticks=[], yticks=[])
picture

# %% [markdown]
# Averaged features know roughly where something is, not to the pixel. zoo answers with one box at most; it does no
# detection of any number of objects.

# %% [check]
assert run.validation["kind"].accuracy > 0.5
assert run.validation["where"].mean_iou > 0.2
figure = f"accuracy {run.validation['kind'].accuracy:.3f}, mean overlap {run.validation['where'].mean_iou:.3f}"
