"""Inside a network: filters, maps, and where it looks.

What does a convolution see? The first filters, what later channels make of one photo, and what spoke for the answer.
The photo comes with scikit-learn.
"""

# /// example
# data = []
# shows = ["sample_images"]
# ///

# %%
from sklearn.datasets import load_sample_image

import zoo

photo = load_sample_image("flower.jpg")
model = zoo.build("efficientnet_lite0")
answer = model.predict(photo)[0]
print(", ".join(f"{label} {score:.2f}" for label, score in answer.top[:3]))

# %% [markdown]
# ImageNet has few flowers, so it names what it knows. The filters of the first layer look for edges and colors, in any
# photo:

# %%
zoo.plots.first_layer_filters(model)

# %% [markdown]
# Channels of an early stage still show the photo; each answers to something else in it.

# %%
zoo.plots.feature_maps(model, photo, "stage1", channels=[0, 3, 6, 9, 12, 15, 18])

# %% [markdown]
# Grad-CAM weighs the last maps by how much they raise the answer: the brighter, the more that place spoke for it.

# %%
zoo.plots.grad_cam(model, [photo])

# %% [check]
assert answer.score > 0.1
figure = f'the photo is named "{answer.label}" ({answer.score:.2f})'
