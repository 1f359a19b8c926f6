"""The catalog as pages: what this installation can name, from registry.json and manifests; no plugin is imported."""

from __future__ import annotations

from zoo.catalog_site.writing import write_site

__all__ = ["write_site"]
