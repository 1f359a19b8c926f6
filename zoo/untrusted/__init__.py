"""Reads files that nobody vouches for within limits: JSON, zip archives, arrays. What is wrong is one kind of error."""

from __future__ import annotations

from zoo.untrusted.archives import Archive, opened_archive
from zoo.untrusted.contained import contained
from zoo.untrusted.documents import JsonLimits, parse_json, read_json, regular_file, shown

__all__ = ["Archive", "JsonLimits", "contained", "opened_archive", "parse_json", "read_json", "regular_file", "shown"]
