"""How a name from outside (a file, a class, a plugin) is printed: the one function that everything goes through."""

from __future__ import annotations

import unicodedata
from html import escape

_WRITTEN_OUT = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories that a terminal obeys, that end a line, or that UTF-8 cannot hold (bytes of a file name)."""

_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""What changes the direction of the text after it: a name could show another one than its own."""


def printable(text: str, *, keep: str = "") -> str:
    r"""Return a text that can be printed, written as UTF-8 and shown in one line.

    Control characters (ESC and BEL steer a terminal), line ends, marks that turn the direction of writing, and bytes
    of a file name that are not UTF-8 are written out: `\x1b`, `\n`, `\u202e`, `\xe9`. Everything else stays, so the
    result of this function is not changed by it.

    Args:
        text: any text; of a file name, as `os.fsdecode` gives it.
        keep: characters that stay as they are, such as line ends of a message.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in keep else _written(c) for c in text)


def preformatted(text: str) -> str:
    """Return a text as HTML that shows it as it is, which notebooks do for `_repr_html_`."""
    return f"<pre>{escape(text)}</pre>"


def _written(character: str) -> str:
    if 0xDC80 <= ord(character) <= 0xDCFF:  # a byte that was not UTF-8 (PEP 383)
        return f"\\x{ord(character) - 0xDC00:02x}"
    if unicodedata.category(character) in _WRITTEN_OUT or character in _TURNING:
        return ascii(character)[1:-1]
    return character
