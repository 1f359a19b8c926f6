"""What a `.keras` file may name: the parts of Keras that are data and arithmetic, by module and name.

Not in it: whatever runs, loads or fetches something its author chose (Lambda, TFSMLayer, layers around PyTorch, JAX and
Flax modules, datasets, files, export, configuration), and whatever a serving model does not need (optimizers, metrics).
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

from zoo.keras_internals import SOURCE, operation_class

_LAYERS = """
Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D
AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add AdditiveAttention AlphaDropout Attention
AugMix AutoContrast Average AveragePooling1D AveragePooling2D AveragePooling3D BatchNormalization Bidirectional
CategoryEncoding CenterCrop Concatenate Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose
ConvLSTM1D ConvLSTM2D ConvLSTM3D Cropping1D Cropping2D Cropping3D CutMix Dense DepthwiseConv1D DepthwiseConv2D
Discretization Dot Dropout ELU EinsumDense Embedding Equalization Flatten GRU GRUCell GaussianDropout GaussianNoise
GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D
GlobalMaxPooling3D GroupNormalization GroupQueryAttention HashedCrossing Hashing Identity InputLayer IntegerLookup
LSTM LSTMCell LayerNormalization LeakyReLU Masking MaxNumBoundingBoxes MaxPooling1D MaxPooling2D MaxPooling3D Maximum
MelSpectrogram Minimum MixUp MultiHeadAttention Multiply Normalization PReLU Permute RMSNormalization RNN
RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop RandomElasticTransform
RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPerspective
RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom ReLU
RepeatVector Rescaling Reshape Resizing ReversibleEmbedding STFTSpectrogram SeparableConv1D SeparableConv2D SimpleRNN
SimpleRNNCell Softmax Solarization SpatialDropout1D SpatialDropout2D SpatialDropout3D SpectralNormalization
StackedRNNCells StringLookup Subtract TextVectorization TimeDistributed UnitNormalization UpSampling1D UpSampling2D
UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D
"""

_INITIALIZERS = """
Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity LecunNormal LecunUniform Ones
Orthogonal RandomNormal RandomUniform STFT TruncatedNormal VarianceScaling Zeros
"""

_ELSEWHERE = {
    "keras": "Model Sequential DTypePolicy FloatDTypePolicy",
    "keras.models": "Model Sequential",
    f"{SOURCE}.models.functional": "Functional",
    f"{SOURCE}.models.sequential": "Sequential",
    "keras.regularizers": "L1 L2 L1L2 OrthogonalRegularizer",
    "keras.constraints": "MaxNorm MinMaxNorm NonNeg UnitNorm",
    f"{SOURCE}.applications.convnext": "LayerScale",
    f"{SOURCE}.applications.inception_resnet_v2": "CustomScaleLayer",
    f"{SOURCE}.ops.core": "Cast SaturateCast Slice SliceUpdate ScatterUpdate StopGradient Unstack",
}

_OPERATIONS = frozenset(f"{SOURCE}.{name}" for name in ("ops.numpy", "ops.nn", "ops.image", "ops.math", "ops.linalg"))
"""Modules of arithmetic: what `x * 2` and `keras.ops` leave in a functional model."""

_NAMES = {
    module: frozenset(names.split())
    for module, names in {**_ELSEWHERE, "keras.layers": _LAYERS, "keras.initializers": _INITIALIZERS}.items()
}

DATA = frozenset({"__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__"})
"""Names of values, which Keras rebuilds itself."""


@cache
def keras_class(module: str, name: str) -> Any | None:
    """Return the class of Keras that a file may name so.

    Args:
        module: as the file says it, such as "keras.layers".
        name: name of the class in it.

    Returns:
        The class; None: a file may not name it.
    """
    if module in _OPERATIONS:
        item = vars(importlib.import_module(module)).get(name)
        own = isinstance(item, type) and issubclass(item, operation_class()) and item.__module__ == module
        return item if own else None
    if name not in _NAMES.get(module, ()):
        return None
    return getattr(importlib.import_module(module), name, None)


@cache
def activations() -> frozenset[str]:
    """Return the names of the functions that a file may name: the activations of Keras."""
    import keras

    names = {name for name in dir(keras.activations) if callable(getattr(keras.activations, name))}
    return frozenset(names - {"deserialize", "serialize", "get"})
