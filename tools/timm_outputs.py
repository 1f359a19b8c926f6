"""What timm's networks give, for tools/compare_timm.py: names of models come on stdin, a folder fills with outputs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tools.timm_networks import import_timm, random_tensors, shapes_of


def main(folder: Path) -> int:
    """Answer each request, a JSON line {timm, size, mean, std}, with the files weights.safetensors and outputs.npz."""
    import torch
    from safetensors.numpy import save_file

    timm = import_timm()
    for line in sys.stdin:
        asked = json.loads(line)
        tokens = asked["tokens"]
        model = timm.create_model(asked["timm"], **({"img_size": asked["size"]} if tokens else {})).eval()
        tensors = random_tensors(shapes_of(model), seed=0)
        save_file(tensors, folder / "weights.safetensors")
        model.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()})
        pixels = pictures(asked["size"])
        normal = (pixels / np.float32(255) - np.float32(asked["mean"])) / np.float32(asked["std"])
        x = torch.from_numpy(np.ascontiguousarray(normal.transpose(0, 3, 1, 2), dtype=np.float32))
        np.savez(folder / "outputs.npz", pixels=pixels, **_outputs(model, x, tokens))
        print("ready", flush=True)
    return 0


def _outputs(model: Any, x: Any, tokens: bool) -> dict[str, np.ndarray]:
    """Features for the classifier, in float32 and in float64, and the poolings of the cells."""
    import torch

    with torch.no_grad():
        cells = model.forward_features(x)
        out = {"features": model.forward_head(cells, pre_logits=True).numpy()}
        if tokens:
            prefix = model.num_prefix_tokens
            out["avg"] = cells[:, prefix:].mean(1).numpy()
            if prefix:
                out["cls"] = cells[:, 0].numpy()
        else:
            out["avg"] = cells.mean((2, 3)).numpy()
        exact = model.double()
        out["exact"] = exact.forward_head(exact.forward_features(x.double()), pre_logits=True).float().numpy()
    return out


def pictures(size: int) -> np.ndarray:
    """uint8 (2, size, size, 3)."""
    return np.random.default_rng(3).integers(0, 256, (2, size, size, 3), dtype=np.uint8)


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
