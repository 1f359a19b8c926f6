"""The moving picture of a terminal on the start page: an SVG made from a recorded transcript, without a script."""

from __future__ import annotations

from html import escape

_WIDTH, _LINE, _TOP, _LEFT = 860, 22, 52, 20
_PAUSE, _TYPING = 0.5, 1.6
"""Seconds that pass before a line of output, and before and while a command is typed."""


def terminal(transcript: str) -> str:
    """Return the picture: lines appear one after another, and stay; all at once where motion is not wanted.

    Args:
        transcript: lines as a terminal shows them; those that begin with `$ ` are commands.
    """
    lines = transcript.rstrip("\n").splitlines()
    height = _TOP + _LINE * len(lines) + 10
    moment, rows = 0.3, []
    for place, line in enumerate(lines):
        command = line.startswith("$ ")
        moment += _TYPING if command and place else _PAUSE
        kind = "line command" if command else "line"
        rows.append(
            f'<text class="{kind}" x="{_LEFT}" y="{_TOP + _LINE * place}" style="animation-delay:{moment:.1f}s" '
            f'xml:space="preserve">{escape(line)}</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">'
        "<style>"
        "text{font:14px ui-monospace,Menlo,Consolas,monospace;fill:#d7dde5}"
        ".command{fill:#8fd19e;font-weight:600}"
        ".line{opacity:0;animation:show .25s forwards}"
        "@keyframes show{to{opacity:1}}"
        "@media(prefers-reduced-motion:reduce){.line{opacity:1;animation:none}}"
        "@media print{.line{opacity:1;animation:none}}"
        "</style>"
        f'<rect width="{_WIDTH}" height="{height}" rx="10" fill="#161b22"/>'
        '<circle cx="22" cy="20" r="6" fill="#f0655a"/><circle cx="42" cy="20" r="6" fill="#f2bd45"/>'
        '<circle cx="62" cy="20" r="6" fill="#57c454"/>' + "".join(rows) + "</svg>\n"
    )
