"""Handwritten digits: when frozen features are not enough.

1,797 digits of 8 x 8 pixels (scikit-learn). They are far from the photos that the network was trained on, so this is
the hard case for transfer learning: is a frozen network better than no network at all?
"""

# /// example
# data = []
# shows = ["digits"]
# ///

# %%
import zoo
from zoo import data
from zoo.evaluation import raw_baseline

digits = zoo.dataset("digits")
print(len(digits), "pictures,", ", ".join(digits.labels))

# %% [markdown]
# The yardstick first: logistic regression on raw pixels, without any network. It is held against the same held-out
# part.

# %%
parts = data.split(digits, validation=0.2, seed=0)
pixels = raw_baseline(digits, parts.train, parts.validation, seed=0)
print(f"raw pixels: {pixels:.3f}")

# %% [markdown]
# Then the network, frozen, with a head that is solved exactly. What the head reads matters: late features are of
# objects that digits do not have, early ones of edges and strokes.

# %%
accuracy = {}
for features in ("avg", "stage3"):
    model = zoo.build("efficientnet_lite0", zoo.classifier(digits), input_size=64, features=features)
    run = model.fit(digits, recipe="probe", seed=0)
    accuracy[features] = run.validation.accuracy
    print(f"{features:7} {run.validation.accuracy:.3f}  log loss {run.validation.log_loss:.3f}")

# %%
zoo.plots.confusion_matrix(run.validation)

# %% [markdown]
# Rows are the true digits here, columns the predicted ones. (Some books and lectures have it the other way round.)
#
# The last features lose to earlier ones, and raw pixels are a strong opponent: on data unlike photos, look at an early
# stage, or [fine-tune](../tutorials/fine-tuning.md).

# %% [check]
assert accuracy["stage3"] > accuracy["avg"]
assert pixels > 0.9
figure = (
    f"accuracy {accuracy['avg']:.3f} (last features), {accuracy['stage3']:.3f} (stage 3), {pixels:.3f} (raw pixels)"
)
