"""Write what tiny networks of timm give, for the tests: tests/architectures/frozen/*.npz and networks.json.

make freeze-timm    # in the environment of make test-timm
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tools.timm_networks import describe, import_timm, random_tensors, shapes_of

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "architectures" / "frozen"
SEED, COUNT = 0, 2
RESIZED, OTHER_SIDES = ("vit", "dinov2_reg", "siglip", "dinov3"), (24, 56)
"""Networks that are asked at other input sizes too: their tables of positions are resized."""


def networks() -> dict[str, tuple[Callable[[], Any], int]]:
    """Name -> a tiny network of timm for every structure there is, and the side of its input."""
    import_timm()
    from timm.layers import LayerNorm, SwiGLUPacked
    from timm.models.convnext import ConvNeXt
    from timm.models.eva import Eva
    from timm.models.vision_transformer import VisionTransformer
    from torch import nn

    tokens = {"img_size": 32, "patch_size": 8, "embed_dim": 16, "depth": 4, "num_heads": 2, "num_classes": 10}
    vit = partial(VisionTransformer, **tokens, mlp_ratio=2.0)
    wide = partial(LayerNorm, eps=1e-5)
    eva = partial(
        Eva,
        **tokens,
        mlp_ratio=2.0,
        dynamic_img_size=True,
        init_values=1e-5,
        rope_type="dinov3",
        rope_temperature=100,
        rope_rotate_half=True,
        use_rot_pos_emb=True,
        use_abs_pos_emb=False,
        num_reg_tokens=4,
        use_fc_norm=False,
        norm_layer=wide,
    )
    convnext = partial(ConvNeXt, depths=(1, 1, 2, 1), dims=(8, 8, 16, 16), num_classes=10)
    packed = partial(VisionTransformer, **tokens, mlp_ratio=4.0, mlp_layer=SwiGLUPacked, act_layer=nn.SiLU)
    return {
        "vit": (vit, 32),
        "dinov2": (partial(vit, init_values=1e-5), 32),
        "dinov2_reg": (partial(vit, init_values=1e-5, reg_tokens=4, no_embed_class=True), 32),
        "dinov2_giant": (partial(packed, init_values=1e-5), 32),
        "deit3": (partial(vit, init_values=1e-6, no_embed_class=True), 32),
        "dinov3": (partial(eva, qkv_bias=False), 32),
        "dinov3_bias": (partial(eva, qkv_bias=True), 32),
        "dinov3_plus": (partial(eva, qkv_bias=False, swiglu_mlp=True, swiglu_align_to=8), 32),
        "siglip": (partial(vit, class_token=False, global_pool="map"), 32),
        "siglip_so400m": (partial(vit, class_token=False, global_pool="map", act_layer="gelu_tanh"), 32),
        "clip": (partial(vit, pre_norm=True, norm_layer=wide, act_layer="quick_gelu"), 32),
        "convnext": (convnext, 64),
        "convnext_atto": (partial(convnext, conv_mlp=True), 64),
        "convnextv2": (partial(convnext, use_grn=True, ls_init_value=None), 64),
        "convnextv2_atto": (partial(convnext, use_grn=True, ls_init_value=None, conv_mlp=True), 64),
        **{name: (partial(_mobile, *arguments), 64) for name, arguments in _MOBILES.items()},
    }


_V4 = (
    ("er_r1_k3_s2_e4_c8",),
    ("uir_r1_a3_k5_s2_e2_c16", "uir_r1_a0_k3_s1_e2_c16"),
    ("uir_r1_a3_k0_s1_e2_c16", "uir_r1_a0_k0_s1_e2_c16"),
    ("uir_r1_a5_k5_s2_e2_c24",),
    ("cn_r1_k1_s1_c32",),
)
_V4_SMALL = (("cn_r1_k3_s2_e1_c8", "cn_r1_k1_s1_e1_c8"), ("uir_r1_a5_k5_s2_e3_c16",))
_V3 = (
    ("ds_r1_k3_s2_e1_c8_se0.25_nre",),
    ("ir_r1_k3_s2_e3_c16_nre", "ir_r1_k3_s1_e3_c16_nre"),
    ("ir_r1_k5_s2_e4_c16_se0.25",),
    ("cn_r1_k1_s1_c32",),
)
_B0 = (("ds_r1_k3_s1_e1_c8_se0.25",), ("ir_r1_k3_s2_e4_c16_se0.25",), ("ir_r2_k5_s2_e4_c16_se0.25",))
_MOBILES = {
    "mobilenetv4": ("v4", _V4),
    "mobilenetv4_small": ("v4", _V4_SMALL),
    "mobilenetv3": ("v3", _V3),
    "efficientnet": ("b0", _B0),
    "efficientnet_tf": ("b0", _B0, "same", 1e-3),
}


def _mobile(kind: str, words: Any, padding: str = "", epsilon: float = 1e-5) -> Any:
    from timm.models._efficientnet_blocks import SqueezeExcite
    from timm.models._efficientnet_builder import decode_arch_def
    from timm.models.efficientnet import EfficientNet
    from timm.models.mobilenetv3 import MobileNetV3
    from torch import nn

    shared = {
        "block_args": decode_arch_def([list(stage) for stage in words]),
        "num_features": 24,
        "num_classes": 10,
        "pad_type": padding,
        "norm_layer": partial(nn.BatchNorm2d, eps=epsilon),
    }
    if kind == "b0":
        return EfficientNet(**shared, act_layer=nn.SiLU, stem_size=8)
    if kind == "v4":
        return MobileNetV3(**shared, act_layer=nn.ReLU, stem_size=8, head_norm=True)
    excite = partial(SqueezeExcite, gate_layer=nn.Hardsigmoid, force_act_layer=nn.ReLU)
    return MobileNetV3(**shared, act_layer=nn.Hardswish, stem_size=8, se_layer=excite)


def main() -> int:
    """Write the files; returns the exit code."""
    import torch

    FOLDER.mkdir(exist_ok=True)
    described = {}
    for name, (make, size) in networks().items():
        model = make().eval()
        builder, options = describe(model)
        shapes = shapes_of(model)
        tensors = random_tensors(shapes, SEED)
        model.load_state_dict({key: torch.from_numpy(value) for key, value in tensors.items()})
        pixels = _for_torch(size)
        with torch.no_grad():
            cells, logits = model.forward_features(pixels), model(pixels)
            features = model.forward_head(cells, pre_logits=True)
        cells = cells.numpy()
        cells = cells.transpose(0, 2, 3, 1) if cells.ndim == 4 else cells
        arrays = {"cells": cells, "features": features.numpy(), "logits": logits.numpy()}
        if name in RESIZED:
            for side in OTHER_SIDES:
                model = make().eval()  # anew: a table that was resized twice is another one
                model.load_state_dict({key: torch.from_numpy(value) for key, value in tensors.items()})
                model.set_input_size((side, side))
                with torch.no_grad():
                    resized = model.forward_head(model.forward_features(_for_torch(side)), pre_logits=True)
                arrays[f"features_{side}"] = resized.numpy()
        np.savez_compressed(FOLDER / f"{name}.npz", **arrays)
        described[name] = {
            "builder": builder,
            "options": options,
            "size": size,
            "shapes": {key: [list(shape), floating] for key, (shape, floating) in shapes.items()},
        }
    (FOLDER / "networks.json").write_text(json.dumps(described, separators=(",", ":")) + "\n")
    print(f"wrote {len(described)} networks, {sum(file.stat().st_size for file in FOLDER.iterdir()):,} bytes")
    return 0


def _for_torch(size: int) -> Any:
    import torch

    return torch.from_numpy(pictures(size)).permute(0, 3, 1, 2)


def pictures(size: int) -> np.ndarray:
    """Preprocessed pixels (2, size, size, 3), the same wherever they are drawn."""
    return np.random.default_rng(SEED).normal(size=(COUNT, size, size, 3)).astype(np.float32)


if __name__ == "__main__":
    raise SystemExit(main())
