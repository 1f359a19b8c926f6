"""The named recipes: the probe, the head, fine-tuning in several depths, and training from scratch."""

from __future__ import annotations

from zoo.specs import PhaseSpec, RecipeSpec

PROBE = PhaseSpec(name="probe", solver="convex")

SPECS: tuple[RecipeSpec, ...] = (
    RecipeSpec(
        name="probe",
        summary="logistic regression solved on the features of the frozen base (takes seconds)",
        phases=(PROBE,),
        source="Kornblith et al. 2019, arXiv 1805.08974",
    ),
    RecipeSpec(
        name="head",
        summary="any head trained by gradient descent on the features of the frozen base",
        phases=(PhaseSpec(name="head", epochs=30, learning_rate=1e-3),),
    ),
    RecipeSpec(
        name="lp-ft",
        summary="the probe, then the last stage at a low learning rate with BatchNorm frozen",
        phases=(
            PROBE,
            PhaseSpec(name="fine-tune", unfreeze=1, epochs=6, learning_rate=3e-4),
        ),
        source="Kumar et al. 2022, arXiv 2202.10054",
    ),
    RecipeSpec(
        name="gradual",
        summary="the probe, then one stage more at a time from the top, lower stages at lower learning rates",
        phases=(
            PROBE,
            PhaseSpec(name="unfreeze", unfreeze="each", epochs=1, learning_rate=3e-4, stage_decay=1 / 2.6),
        ),
        source="Howard and Ruder 2018 (ULMFiT), arXiv 1801.06146: gradual unfreezing, and 2.6 between layers",
    ),
    RecipeSpec(
        name="surgical",
        summary="the probe, then the stage of largest relative gradient (or stages=), BatchNorm frozen",
        phases=(
            PROBE,
            PhaseSpec(name="fine-tune", unfreeze="chosen", epochs=6, learning_rate=3e-4),
        ),
        source="Lee et al. 2022 (Surgical Fine-Tuning), arXiv 2210.11466",
    ),
    RecipeSpec(
        name="full",
        summary="the probe, then every stage at a low learning rate with BatchNorm frozen",
        phases=(
            PROBE,
            PhaseSpec(name="fine-tune", unfreeze="all", epochs=6, learning_rate=1e-4),
        ),
        source="Kumar et al. 2022, arXiv 2202.10054",
    ),
    RecipeSpec(
        name="scratch",
        summary="everything from random weights, BatchNorm included: the yardstick for transfer",
        phases=(PhaseSpec(name="scratch", unfreeze="all", batchnorm="train", epochs=20, learning_rate=1e-3),),
    ),
)
