"""Print what an environment for JAX needs: requirements of zoo without TensorFlow, JAX, and the test tools."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def requirements() -> list[str]:
    """Requirements as pip reads them, from pyproject.toml.

    Raises:
        ValueError: TensorFlow is not among the requirements of zoo, so this is not needed any more.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own = [line for line in project["dependencies"] if not line.startswith("tensorflow")]
    if len(own) == len(project["dependencies"]):
        raise ValueError("pyproject.toml requires no TensorFlow: install zoo-sdk[jax,test] as it is")
    extras = project["optional-dependencies"]
    return [*own, *extras["jax"], *extras["test"]]


if __name__ == "__main__":
    print("\n".join(requirements()))
