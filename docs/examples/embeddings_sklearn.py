"""Embeddings in scikit-learn.

`zoo.embed` gives one vector for each picture. Whatever works on vectors then works on pictures: neighbors, clusters,
any classifier of scikit-learn.
"""

# /// example
# data = ["mednist6"]
# shows = []
# ///

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

import zoo

scans = [file for folder in sorted(Path("data/mednist6").iterdir()) for file in sorted(folder.iterdir())[:50]]
vectors = zoo.embed(scans, input_size=64).array
kinds = np.array([file.parent.name for file in scans])
print(vectors.shape)

# %%
nearest = make_pipeline(Normalizer(), KNeighborsClassifier(5))
scores = cross_val_score(nearest, vectors, kinds, cv=5)
print(f"5 nearest neighbors, 5 folds: {scores.mean():.3f}")

clusters = KMeans(6, n_init=5, random_state=0).fit_predict(Normalizer().fit_transform(vectors))
print(f"clusters against kinds (adjusted Rand index): {adjusted_rand_score(kinds, clusters):.3f}")

# %%
plane = PCA(2).fit_transform(Normalizer().fit_transform(vectors))
picture, axes = plt.subplots(figsize=(5.5, 4))
for kind in np.unique(kinds):
    axes.scatter(*plane[kinds == kind].T, s=10, label=kind)
axes.set(xlabel="first principal component", ylabel="second principal component")
axes.legend(fontsize=8)
picture

# %% [markdown]
# The kinds of scans are found without a single label. (They also differ in brightness and framing, which makes it
# easy. Not for medical use.)

# %% [check]
assert scores.mean() > 0.95
figure = f"5 nearest neighbors {scores.mean():.3f} in cross-validation"
