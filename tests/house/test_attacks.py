"""The page of attacks: every number has its tests, which exist, or a reason; and the page is what the table says."""

from __future__ import annotations

from tools import attacks


def test_every_number_is_proven_or_has_its_reason() -> None:
    assert [row.number for row in attacks.ROWS] == list(range(1, len(attacks.ROWS) + 1))
    assert all(bool(row.tests) != bool(row.reason) for row in attacks.ROWS)
    assert attacks.missing() == []


def test_the_page_is_what_the_table_says() -> None:
    assert attacks.PAGE.read_text(encoding="utf-8") == attacks.page(), "run python -m tools.attacks --write"
