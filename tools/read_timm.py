"""Write tools/timm.json: what timm says of the pretrained networks that zoo builds by itself. Needs timm, no network.

make timm-rows FIGURES=folder/with/results-imagenet.csv
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tools.timm_networks import describe, import_timm

FILE = Path(__file__).with_name("timm.json")
INTERPOLATIONS = {"bicubic": "bicubic", "bilinear": "bilinear"}
MODES = {"center": "crop", "squash": "stretch", "border": "pad"}

# Name in zoo -> id in timm. One row for each size of a family, with the weights that most people should take.
ROWS = {
    "vit_tiny_patch16_augreg": "vit_tiny_patch16_224.augreg_in21k_ft_in1k",
    "vit_small_patch32_augreg": "vit_small_patch32_224.augreg_in21k_ft_in1k",
    "vit_small_patch16_augreg": "vit_small_patch16_224.augreg_in21k_ft_in1k",
    "vit_base_patch32_augreg": "vit_base_patch32_224.augreg_in21k_ft_in1k",
    "vit_base_patch16_augreg": "vit_base_patch16_224.augreg_in21k_ft_in1k",
    "vit_large_patch16_augreg": "vit_large_patch16_224.augreg_in21k_ft_in1k",
    "deit_tiny": "deit_tiny_patch16_224.fb_in1k",
    "deit_small": "deit_small_patch16_224.fb_in1k",
    "deit_base": "deit_base_patch16_224.fb_in1k",
    "deit3_small": "deit3_small_patch16_224.fb_in22k_ft_in1k",
    "deit3_medium": "deit3_medium_patch16_224.fb_in22k_ft_in1k",
    "deit3_base": "deit3_base_patch16_224.fb_in22k_ft_in1k",
    "dinov2_small": "vit_small_patch14_dinov2.lvd142m",
    "dinov2_base": "vit_base_patch14_dinov2.lvd142m",
    "dinov2_large": "vit_large_patch14_dinov2.lvd142m",
    "dinov2_reg_small": "vit_small_patch14_reg4_dinov2.lvd142m",
    "dinov2_reg_base": "vit_base_patch14_reg4_dinov2.lvd142m",
    "dinov2_reg_large": "vit_large_patch14_reg4_dinov2.lvd142m",
    "dinov3_small": "vit_small_patch16_dinov3.lvd1689m",
    "dinov3_small_plus": "vit_small_plus_patch16_dinov3.lvd1689m",
    "dinov3_base": "vit_base_patch16_dinov3.lvd1689m",
    "dinov3_large": "vit_large_patch16_dinov3.lvd1689m",
    "siglip_base": "vit_base_patch16_siglip_224.webli",
    "siglip_base_256": "vit_base_patch16_siglip_256.webli",
    "siglip_base_384": "vit_base_patch16_siglip_384.webli",
    "siglip_large_256": "vit_large_patch16_siglip_256.webli",
    "siglip_so400m": "vit_so400m_patch14_siglip_224.webli",
    "siglip2_base_patch32": "vit_base_patch32_siglip_256.v2_webli",
    "siglip2_base": "vit_base_patch16_siglip_224.v2_webli",
    "siglip2_base_256": "vit_base_patch16_siglip_256.v2_webli",
    "siglip2_base_384": "vit_base_patch16_siglip_384.v2_webli",
    "siglip2_large_256": "vit_large_patch16_siglip_256.v2_webli",
    "siglip2_so400m": "vit_so400m_patch14_siglip_224.v2_webli",
    "clip_base_patch32": "vit_base_patch32_clip_quickgelu_224.openai",
    "clip_base_patch16": "vit_base_patch16_clip_quickgelu_224.openai",
    "clip_large_patch14": "vit_large_patch14_clip_quickgelu_224.openai",
    "convnext_atto": "convnext_atto.d2_in1k",
    "convnext_femto": "convnext_femto.d1_in1k",
    "convnext_pico": "convnext_pico.d1_in1k",
    "convnext_nano_in12k": "convnext_nano.in12k_ft_in1k",
    "convnext_tiny_in12k": "convnext_tiny.in12k_ft_in1k",
    "convnext_small_in12k": "convnext_small.in12k_ft_in1k",
    "dinov3_convnext_tiny": "convnext_tiny.dinov3_lvd1689m",
    "dinov3_convnext_small": "convnext_small.dinov3_lvd1689m",
    "dinov3_convnext_base": "convnext_base.dinov3_lvd1689m",
    "convnextv2_atto": "convnextv2_atto.fcmae_ft_in1k",
    "convnextv2_femto": "convnextv2_femto.fcmae_ft_in1k",
    "convnextv2_pico": "convnextv2_pico.fcmae_ft_in1k",
    "convnextv2_nano": "convnextv2_nano.fcmae_ft_in22k_in1k",
    "convnextv2_tiny": "convnextv2_tiny.fcmae_ft_in22k_in1k",
    "convnextv2_base": "convnextv2_base.fcmae_ft_in22k_in1k",
    "convnextv2_large": "convnextv2_large.fcmae_ft_in22k_in1k",
    "mobilenetv4_conv_small_050": "mobilenetv4_conv_small_050.e3000_r224_in1k",
    "mobilenetv4_conv_small": "mobilenetv4_conv_small.e2400_r224_in1k",
    "mobilenetv4_conv_medium": "mobilenetv4_conv_medium.e500_r256_in1k",
    "mobilenetv4_conv_large": "mobilenetv4_conv_large.e600_r384_in1k",
    "mobilenet_v3_small_timm": "mobilenetv3_small_100.lamb_in1k",
    "mobilenet_v3_large_timm": "mobilenetv3_large_100.ra_in1k",
    "efficientnet_b0_ra": "efficientnet_b0.ra_in1k",
    "efficientnet_b0_ns": "tf_efficientnet_b0.ns_jft_in1k",
    "efficientnet_b2_ns": "tf_efficientnet_b2.ns_jft_in1k",
    "efficientnet_b4_ns": "tf_efficientnet_b4.ns_jft_in1k",
    "resnet18_a1": "resnet18.a1_in1k",
    "resnet34_a1": "resnet34.a1_in1k",
    "resnet50_a1": "resnet50.a1_in1k",
    "resnet101_a1": "resnet101.a1_in1k",
    "resnet152_a1": "resnet152.a1_in1k",
    "resnet50_torchvision": "resnet50.tv_in1k",
    "vgg16_torchvision": "vgg16.tv_in1k",
    "densenet121_ra": "densenet121.ra_in1k",
    "densenet169_torchvision": "densenet169.tv_in1k",
}

# The five networks of keras.applications whose weights timm has too, in its own layout.
SAME = {
    "convnext_tiny": "convnext_tiny.fb_in1k",
    "convnext_small": "convnext_small.fb_in1k",
    "convnext_base": "convnext_base.fb_in22k_ft_in1k",
    "convnext_large": "convnext_large.fb_in22k_ft_in1k",
    "convnext_xlarge": "convnext_xlarge.fb_in22k_ft_in1k",
}


def main(arguments: list[str]) -> int:
    """Write the file; returns the exit code."""
    figures = _figures(Path(arguments[0])) if arguments else {}
    old = {row["name"]: row for row in json.loads(FILE.read_text())["rows"]} if FILE.exists() else {}
    timm = import_timm()
    rows = []
    for name, model_id in {**ROWS, **SAME}.items():
        row = {"name": name, "timm": model_id, **_facts(timm, model_id)}
        row["figures"] = figures.get(model_id, []) if figures else old.get(name, {}).get("figures", [])
        rows.append(row)
        print(f"{name}: {model_id}, {row['params']:,} parameters", file=sys.stderr)
    said = {"timm": timm.__version__, "figures": "timm results/results-imagenet.csv @ aa4b5850", "rows": rows}
    lines = ",\n".join(json.dumps(row) for row in said.pop("rows"))
    head = json.dumps(said)[:-1]
    FILE.write_text(f'{head}, "rows": [\n{lines}\n]}}\n', encoding="utf-8")
    return 0


def _facts(timm: Any, model_id: str) -> dict[str, Any]:
    """What timm's configuration and the network itself say; built without memory for its weights."""
    import torch

    with torch.device("meta"):
        model = timm.create_model(model_id, pretrained=False)
    config = model.pretrained_cfg
    builder, options = describe(model)
    repository = config["hf_hub_id"]
    return {
        "repository": repository,
        "license": config.get("license"),
        "builder": builder,
        "options": options,
        "size": config["input_size"][-1],
        "classes": config["num_classes"],
        "mean": list(config["mean"]),
        "std": list(config["std"]),
        "crop": config["crop_pct"],
        "mode": MODES[config.get("crop_mode") or "center"],
        "interpolation": INTERPOLATIONS[config["interpolation"]],
        "prefix_tokens": getattr(model, "num_prefix_tokens", 0),
        "params": sum(parameter.numel() for parameter in model.parameters()),
        "weights": sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values()),
        "paper": config.get("paper_name"),
    }


def _figures(folder: Path) -> dict[str, list[list[Any]]]:
    """Id -> [side, top-1, top-5] of every published measurement on ImageNet-1k."""
    found: dict[str, list[list[Any]]] = {}
    with (folder / "results-imagenet.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            shares = [round(float(row[key]) / 100, 6) for key in ("top1", "top5")]
            found.setdefault(row["model"], []).append([int(row["img_size"]), *shares])
    return found


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
