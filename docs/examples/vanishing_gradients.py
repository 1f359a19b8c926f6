"""Activations and vanishing gradients.

Why did deep networks not learn before ReLU? Ten hidden layers on handwritten digits, in plain Keras, with three
activations: how large is the gradient that reaches each layer, before anything is trained, and what is learned in ten
epochs?
"""

# /// example
# data = []
# shows = []
# ///

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

x, y = load_digits(return_X_y=True)
x = (x / 16).astype(np.float32)
train, test = slice(0, 1400), slice(1400, None)


def network(activation):
    """Ten hidden layers of 64 units."""
    keras.utils.set_random_seed(0)
    hidden = [keras.layers.Dense(64, activation) for _ in range(10)]
    model = keras.Sequential([keras.layers.Input((64,)), *hidden, keras.layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    return model


def gradients(model):
    """The size of the gradient of each hidden layer's kernel, on 256 digits."""
    with tf.GradientTape() as tape:
        loss = model.loss(y[:256], model(x[:256]))
    kernels = [layer.kernel.value for layer in model.layers[:-1]]
    return [float(tf.norm(gradient)) for gradient in tape.gradient(loss, kernels)]


# %%
picture, axes = plt.subplots(figsize=(5.5, 3.2))
accuracy = {}
for activation in ("sigmoid", "tanh", "relu"):
    model = network(activation)
    sizes = gradients(model)
    axes.plot(range(1, 11), sizes, marker="o", label=activation)
    model.fit(x[train], y[train], epochs=10, verbose=0)
    accuracy[activation] = model.evaluate(x[test], y[test], verbose=0)[1]
    print(f"{activation:8} first layer {sizes[0]:.1e}, last {sizes[-1]:.1e}; accuracy {accuracy[activation]:.3f}")
axes.set(yscale="log", xlabel="hidden layer, from the pixels up", ylabel="norm of the gradient")
axes.legend()
picture

# %% [markdown]
# The derivative of the sigmoid is at most 1/4. Each layer multiplies by it on the way down, so the first layers hear
# almost nothing and the network stays at guessing. That of ReLU is 0 or 1.
#
# Modern networks add residual connections and BatchNorm, which is why [BatchNorm](../explanations/batchnorm.md) is
# everywhere in pretrained networks.

# %% [check]
assert accuracy["relu"] > 0.8
assert accuracy["sigmoid"] < 0.5
figure = f"accuracy: sigmoid {accuracy['sigmoid']:.2f}, tanh {accuracy['tanh']:.2f}, ReLU {accuracy['relu']:.2f}"
