"""Read the options of zoo's builders off networks of timm; runs in an environment with timm, see `make test-timm`.

`describe` refuses a network with a part that zoo's builders do not have, so a row never promises more than is built.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

VIT, CONVNEXT, MOBILE = (f"zoo.architectures.{module}:build" for module in ("vit", "convnext", "mobile"))

RESNET, VGG, DENSENET = (f"zoo.architectures.torch_classics:{family}" for family in ("resnet", "vgg", "densenet"))


class UnknownPart(Exception):
    """A network has a part that no builder makes."""


def import_timm() -> Any:
    """timm without torchvision: two operators are declared that it only names."""
    import torch

    for name in ("nms", "qnms"):
        torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import timm

    return timm


def describe(model: Any) -> tuple[str, dict[str, Any]]:
    """The builder of a network, and its options that are not the default ones.

    Raises:
        UnknownPart: no builder makes it.
    """
    kind = type(model).__name__
    if kind not in _READERS:
        raise UnknownPart(f"{kind} is no family of zoo")
    builder, defaults, read = _READERS[kind]
    options = read(model)
    return builder, {name: value for name, value in options.items() if defaults.get(name, _REQUIRED) != value}


def random_tensors(shapes: Mapping[str, tuple[tuple[int, ...], bool]], seed: int) -> dict[str, np.ndarray]:
    """Weights drawn by name and shape, so that activations keep their size through a deep network.

    Args:
        shapes: name -> shape and whether it is of floating point; counters stay 0.
        seed: with the name it determines the numbers.
    """
    return {
        name: _drawn(name, shape, seed) if floating else np.zeros(shape, np.int64)
        for name, (shape, floating) in shapes.items()
    }


def shapes_of(model: Any) -> dict[str, tuple[tuple[int, ...], bool]]:
    """Name -> shape and whether it is of floating point, of every tensor of a network."""
    return {name: (tuple(tensor.shape), tensor.dtype.is_floating_point) for name, tensor in model.state_dict().items()}


def _drawn(name: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    leaf = name.rpartition(".")[2]
    values = np.random.default_rng([seed, zlib.crc32(name.encode())]).normal(size=shape).astype(np.float32)
    if name.startswith(_EMBEDDING):
        return 0.01 * values
    if leaf == "running_var":
        return np.abs(values) * 0.5 + 0.5
    if "gamma" in leaf:
        return values * 0.3 + 0.5
    if leaf == "weight" and len(shape) > 1:
        return values * (1.4 / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
    return 1 + 0.2 * values if leaf == "weight" else 0.3 * values


_EMBEDDING = ("patch_embed.proj.", "cls_token", "reg_token", "pos_embed", "stem.0.")
"""Small, so that the first normalization shows its epsilon: elsewhere a wrong one hides behind variances of about 1."""


def _demand(true: bool, what: str) -> None:
    if not true:
        raise UnknownPart(what)


def _plain(module: Any, what: str) -> None:
    _demand(module is None or type(module).__name__ == "Identity", f"{what}: {type(module).__name__}")


def _activation(module: Any) -> str:
    name = type(module).__name__
    if name == "GELU":
        return "gelu_tanh" if getattr(module, "approximate", "none") == "tanh" else "gelu"
    known = {
        "GELUTanh": "gelu_tanh",
        "QuickGELU": "quick_gelu",
        "SiLU": "silu",
        "Swish": "silu",
        "ReLU": "relu",
        "ReLU6": "relu6",
        "Hardswish": "hard_silu",
        "HardSwish": "hard_silu",
    }
    _demand(name in known, f"activation {name}")
    return known[name]


# -- vision transformers ----------------------------------------------------------------------------------------------


def _vit(model: Any) -> dict[str, Any]:
    block = model.blocks[0]
    for name in ("q_norm", "k_norm", "norm"):
        _plain(getattr(block.attn, name, None), f"attention {name}")
    _plain(getattr(block.mlp, "norm", None), "norm inside the perceptron")
    _plain(model.fc_norm, "norm behind the pooling")
    _demand(type(block).__name__ == "Block", type(block).__name__)
    _demand(type(model.norm).__name__ == "LayerNorm", type(model.norm).__name__)
    mlp = {"Mlp": "plain", "GluMlp": "packed"}.get(type(block.mlp).__name__)
    _demand(mlp is not None and not getattr(block.mlp, "gate_last", False), type(block.mlp).__name__)
    return _tokens(model) | {
        "mlp": mlp,
        "activation": _activation(block.mlp.act),
        "class_token": model.cls_token is not None,
        "positions": "patches" if model.no_embed_class and model.num_prefix_tokens else "all",
        "norm_first": type(model.norm_pre).__name__ != "Identity",
        "registers": model.num_reg_tokens,
        "qkv_bias": "all" if block.attn.qkv.bias is not None else "none",
        "pooling": _pooling(model),
    }


def _eva(model: Any) -> dict[str, Any]:
    block, rope = model.blocks[0], model.rope
    _demand(type(rope).__name__ == "RotaryEmbeddingDinoV3" and model.pos_embed is None, "positions of another kind")
    _demand(rope.temperature == 100 and rope.rotate_half and rope.normalize_coords == "separate", "rotary positions")
    for name in ("q_norm", "k_norm", "norm", "gate"):
        _plain(getattr(block.attn, name, None), f"attention {name}")
    _plain(getattr(block.mlp, "norm", None), "norm inside the perceptron")
    _plain(model.fc_norm, "norm behind the pooling")
    _plain(model.norm_pre, "norm in front")
    gated = type(block.mlp).__name__ == "SwiGLU"
    _demand(gated or type(block.mlp).__name__ == "Mlp", type(block.mlp).__name__)
    return _tokens(model) | {
        "mlp": "gated" if gated else "plain",
        "activation": _activation(block.mlp.act),
        "class_token": model.cls_token is not None,
        "positions": "rotary",
        "registers": model.num_prefix_tokens - 1,
        "qkv_bias": "none" if block.attn.q_bias is None else "separate",
        "pooling": _pooling(model),
    }


def _tokens(model: Any) -> dict[str, Any]:
    block = model.blocks[0]
    return {
        "patch": model.patch_embed.patch_size[0],
        "width": model.embed_dim,
        "depth": len(model.blocks),
        "heads": block.attn.num_heads,
        "hidden": block.mlp.fc2.in_features,
        "epsilon": model.norm.eps,
        "patch_bias": model.patch_embed.proj.bias is not None,
    }


def _pooling(model: Any) -> str:
    known = {"token": "cls", "avg": "avg", "map": "own"}
    _demand(model.global_pool in known, f"pooling {model.global_pool}")
    return known[model.global_pool]


# -- convolutions -----------------------------------------------------------------------------------------------------


def _convnext(model: Any) -> dict[str, Any]:
    block = model.stages[0].blocks[0]
    _demand(model.stem[0].kernel_size == (4, 4) and len(model.stem) == 2, "a stem of several convolutions")
    _demand(block.conv_dw.kernel_size == (7, 7), "kernels of another size")
    _demand(type(model.head).__name__ == "NormMlpClassifierHead" and not model.head.hidden_size, "its head")
    _demand(type(block.norm).__name__ in ("LayerNorm", "LayerNorm2d"), type(block.norm).__name__)
    _plain(model.norm_pre, "norm in front of the pooling")
    return {
        "depths": [len(stage.blocks) for stage in model.stages],
        "widths": [stage.blocks[0].conv_dw.out_channels for stage in model.stages],
        "response_norm": type(block.mlp).__name__ == "GlobalResponseNormMlp",
        "epsilon": model.head.norm.eps,
    }


def _mobile(model: Any) -> dict[str, Any]:
    pooled = type(model).__name__ == "MobileNetV3"
    gates = {type(module.gate).__name__ for module in model.modules() if type(module).__name__ == "SqueezeExcite"}
    _demand(len(gates) <= 1, "several kinds of gates")
    gate = {"Sigmoid": "sigmoid", "Hardsigmoid": "hard_sigmoid", "HardSigmoid": "hard_sigmoid"}
    active = model.bn1.act
    normed = not pooled or type(model.norm_head).__name__ != "Identity"
    return {
        "stem": model.conv_stem.out_channels,
        "blocks": [[_word(block, _activation(active)) for block in stage] for stage in model.blocks],
        "head": model.conv_head.out_channels,
        "head_position": "pooled" if pooled else "map",
        "head_norm": normed,
        "activation": _activation(active),
        "gate": gate[gates.pop()] if gates else "sigmoid",
        "padding": "same" if type(model.conv_stem).__name__ == "Conv2dSame" else "even",
        "epsilon": model.bn1.eps,
    }


def _resnet(model: Any) -> dict[str, Any]:
    block = model.layer1[0]
    kind = type(block).__name__
    _demand(kind in ("BasicBlock", "Bottleneck") and type(model.conv1).__name__ == "Conv2d", "another kind of ResNet")
    _demand(model.conv1.kernel_size == (7, 7) and type(model.maxpool).__name__ == "MaxPool2d", "its stem")
    _plain(getattr(block, "se", None), "attention")
    return {
        "depths": [len(getattr(model, f"layer{number}")) for number in range(1, 5)],
        "bottleneck": kind == "Bottleneck",
    }


def _vgg(model: Any) -> dict[str, Any]:
    widths: list[list[int]] = [[]]
    for module in model.features:
        _demand(type(module).__name__ in ("Conv2d", "ReLU", "MaxPool2d"), type(module).__name__)
        if type(module).__name__ == "Conv2d":
            widths[-1].append(module.out_channels)
        elif type(module).__name__ == "MaxPool2d":
            widths.append([])
    return {"widths": widths[:-1], "hidden": model.head_hidden_size}


def _densenet(model: Any) -> dict[str, Any]:
    features = model.features
    blocks = [getattr(features, f"denseblock{number}") for number in range(1, 5)]
    layer = features.denseblock1.denselayer1
    _demand(features.conv0.kernel_size == (7, 7) and type(features.pool0).__name__ == "MaxPool2d", "its stem")
    growth = layer.conv2.out_channels
    return {
        "depths": [len(block) for block in blocks],
        "growth": growth,
        "stem": features.conv0.out_channels,
        "bottleneck": layer.conv1.out_channels // growth,
    }


def _word(block: Any, activation: str) -> str:
    kind = type(block).__name__
    numbers: dict[str, int] = {}
    if kind == "ConvBnAct":
        numbers |= _side("k", block.conv) | {"s": block.conv.stride[0], "c": block.conv.out_channels}
        _demand(not block.has_skip, "a convolution with a skip")
    elif kind == "EdgeResidual":
        numbers |= _side("k", block.conv_exp) | {"s": block.conv_exp.stride[0], "m": block.conv_exp.out_channels}
        numbers |= {"c": block.conv_pwl.out_channels}
    elif kind in ("DepthwiseSeparableConv", "InvertedResidual"):
        numbers |= _side("k", block.conv_dw) | {"s": block.conv_dw.stride[0]}
        if kind == "InvertedResidual":
            numbers |= {"m": block.conv_pw.out_channels}
        numbers |= {"c": (block.conv_pwl if kind == "InvertedResidual" else block.conv_pw).out_channels}
        _plain(getattr(block, "aa", None), "blur")
    elif kind == "UniversalInvertedResidual":
        strides = [1]
        for letter, part in (("a", block.dw_start), ("k", block.dw_mid), ("z", block.dw_end)):
            if type(part).__name__ != "Identity":
                numbers |= _side(letter, part.conv)
                strides.append(part.conv.stride[0])
        numbers |= {"s": max(strides), "m": block.pw_exp.conv.out_channels, "c": block.pw_proj.conv.out_channels}
        _plain(block.layer_scale, "LayerScale")
    else:
        raise UnknownPart(kind)
    squeeze = getattr(block, "se", None)
    if squeeze is not None and type(squeeze).__name__ != "Identity":
        numbers["q"] = squeeze.conv_reduce.out_channels
    inside = block.pw_exp.bn.act if kind == "UniversalInvertedResidual" else block.bn1.act
    if _activation(inside) != activation:
        _demand(_activation(inside) == "relu", "a block with an activation of its own")
        numbers["r"] = 1
    short = {
        "ConvBnAct": "cn",
        "EdgeResidual": "er",
        "DepthwiseSeparableConv": "ds",
        "InvertedResidual": "ir",
        "UniversalInvertedResidual": "uir",
    }[kind]
    return "_".join([short, *(f"{letter}{number}" for letter, number in numbers.items())])


def _side(letter: str, convolution: Any) -> dict[str, int]:
    return {letter: convolution.kernel_size[0]}


_REQUIRED = object()
_READERS = {
    "VisionTransformer": (
        VIT,
        {
            "mlp": "plain",
            "activation": "gelu",
            "qkv_bias": "all",
            "epsilon": 1e-6,
            "class_token": True,
            "registers": 0,
            "positions": "all",
            "patch_bias": True,
            "norm_first": False,
            "pooling": "cls",
        },
        _vit,
    ),
    "ConvNeXt": (CONVNEXT, {"response_norm": False, "epsilon": 1e-6}, _convnext),
    "MobileNetV3": (
        MOBILE,
        {
            "head_position": "pooled",
            "head_norm": True,
            "activation": "relu",
            "gate": "sigmoid",
            "padding": "even",
            "epsilon": 1e-5,
        },
        _mobile,
    ),
}
_READERS["Eva"] = (VIT, _READERS["VisionTransformer"][1], _eva)
_READERS["EfficientNet"] = (MOBILE, _READERS["MobileNetV3"][1], _mobile)
_READERS["ResNet"] = (RESNET, {"bottleneck": False}, _resnet)
_READERS["VGG"] = (VGG, {"hidden": 4096}, _vgg)
_READERS["DenseNet"] = (DENSENET, {"growth": 32, "stem": 64, "bottleneck": 4}, _densenet)
