"""The OpenAPI description of the server, as JSON."""

from __future__ import annotations

from typing import Any

from zoo._version import __version__
from zoo.serving.asking import Limits

_BINARY = {"schema": {"type": "string", "format": "binary"}}

_ERRORS = {
    "400": "the body is empty, or is neither form nor JSON",
    "413": "too many bytes or pixels",
    "415": "the content type is none of those",
    "422": "no picture in it, or a damaged one",
    "503": "too many requests wait",
}


def openapi(name: str, limits: Limits) -> dict[str, Any]:
    """Return the description.

    Args:
        name: of the model.
        limits: what a request may hold.
    """
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    answered = {"application/json": {"schema": {"type": "object"}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": name, "version": __version__, "description": "A model served by zoo."},
        "paths": {
            "/predict": {
                "post": {
                    "summary": "Say what is on a picture",
                    "parameters": [
                        {
                            "name": "top",
                            "in": "query",
                            "description": "how many labels",
                            "schema": {"type": "integer", "minimum": 1, "maximum": limits.top, "default": 5},
                        }
                    ],
                    "requestBody": {
                        "required": True,
                        "description": f"one picture, at most {limits.bytes} bytes and {limits.pixels} pixels",
                        "content": {
                            "image/*": _BINARY,
                            "multipart/form-data": {
                                "schema": {"type": "object", "properties": {"file": _BINARY["schema"]}}
                            },
                            "application/json": {
                                "schema": {
                                    "type": "object",
                                    "required": ["file"],
                                    "properties": {"file": {"type": "string", "contentEncoding": "base64"}},
                                }
                            },
                        },
                    },
                    "responses": {
                        "200": {"description": "as `zoo predict --json` says it", "content": answered},
                        **{status: {"description": text, "content": error} for status, text in _ERRORS.items()},
                    },
                }
            },
            "/health": {"get": {"summary": "Whether it answers", "responses": {"200": {"description": "it does"}}}},
            "/metrics": {"get": {"summary": "For Prometheus", "responses": {"200": {"description": "figures"}}}},
        },
        "components": {
            "schemas": {
                "Error": {
                    "type": "object",
                    "properties": {
                        "error": {
                            "type": "object",
                            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
                        }
                    },
                }
            }
        },
    }
