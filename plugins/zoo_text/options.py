"""What the bases of texts check alike."""

from __future__ import annotations

from typing import Any

from zoo.errors import OptionError


def needs(intake: Any, name: str, form: str) -> None:
    """Refuse an intake whose texts become something else than a base reads.

    Args:
        intake: of texts.
        name: of the base.
        form: counts, ids or pieces.

    Raises:
        OptionError: it has another form.
    """
    if intake.units.form != form:
        raise OptionError(f"{name} reads texts as {form}; the option form={intake.units.form!r} makes something else")
