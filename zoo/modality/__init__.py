"""What a modality is: how one example is read, shaped, shown and checked. None is defined here.

A plugin that provides a modality imports these; they import pydantic, NumPy and the standard library only.
"""

from __future__ import annotations

from zoo.modality.digests import digest_of
from zoo.modality.drawing import DrawsExamples
from zoo.modality.folders import ClaimsFolders
from zoo.modality.intake import Intake
from zoo.modality.occluding import Occludes
from zoo.modality.protocols import Example, Modality, Problem, Ref, Thumbnail
from zoo.modality.sharing import SharesEndings
from zoo.modality.yardsticks import HasYardsticks

__all__ = [
    "ClaimsFolders",
    "DrawsExamples",
    "Example",
    "HasYardsticks",
    "Intake",
    "Modality",
    "Occludes",
    "Problem",
    "Ref",
    "SharesEndings",
    "Thumbnail",
    "digest_of",
]
