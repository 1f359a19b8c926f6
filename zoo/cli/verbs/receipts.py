"""`zoo receipts`: what a run trained and what it left as it was, proven by digests of the weights."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from zoo.cli.output import notes, print_json, print_table
from zoo.cli.parameters import json_option
from zoo.errors import OptionError, ZooError
from zoo.specs.record import PhaseReport
from zoo.table import Table


@click.command("receipts")
@click.argument("run", metavar="RUN")
@click.option("--model", "check_model", is_flag=True, help="Compare with the weights in the run's model.keras too.")
@json_option
def command(run: str, check_model: bool, as_json: bool) -> None:
    """Prove what a run trained, and what it left as it was.

    RUN is the folder of a run. For every phase and stage: whether its weights, and its BatchNorm apart from them, were
    to train, and their digests before and after. Exits with 1 where a frozen part moved.

    \b
    Example:
      zoo receipts runs/20260101-120000-efficientnet_lite0-lp-ft
    """
    from zoo.training.receipts import from_phases, problems

    path = Path(run)
    receipts = from_phases(_phases(path))
    contradictions = problems(receipts)
    if check_model:
        contradictions += _against_model(path / "model.keras", receipts)
    rows: list[dict[str, Any]] = [{**asdict(item), "says": item.says} for item in receipts]
    if as_json:
        print_json({"receipts": rows, "problems": contradictions})
    else:
        short = [{**row, "before": row["before"][:12], "after": row["after"][:12]} for row in rows]
        columns = ["phase", "stage", "part", "says", "before", "after"]
        print_table(Table(short, columns=columns, title=f"receipts of {path}"), expendable=("before", "after"))
    for problem in contradictions:
        notes(problem)
    if contradictions:
        raise ZooError(f"{len(contradictions)} of these receipts are not as they should be")


def _phases(path: Path) -> tuple[PhaseReport, ...]:
    from zoo.training.runs.folder import read_record

    record = read_record(path / "run.json")
    if record.state != "finished":
        raise OptionError(f"{path} is not the folder of a finished run: it is {record.state}")
    if not any(phase.receipts for phase in record.phases):
        raise OptionError(f"{path / 'run.json'} has no receipts")
    return record.phases


def _against_model(path: Path, receipts: list[Any]) -> list[str]:
    """Where the weights in a file are not those that the run ended with."""
    from zoo.cli.quiet import load_keras

    load_keras()
    from zoo.building import load_trainable as load
    from zoo.training.receipts import ends, joined, take

    kept = joined(take(load(path).composition))
    return [
        f"{part} of {stage} in {path.name} is not what the run ended with"
        for (stage, part), digest in ends(receipts).items()
        if kept.get((stage, part)) != digest
    ]
