"""Reads what a request asks about: the bytes of one picture file, from a form, a plain body or JSON; within limits."""

from __future__ import annotations

import base64
import binascii
import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.errors import DataError, UnsafeFileError
from zoo.untrusted import JsonLimits, parse_json


@dataclass(frozen=True)
class Limits:
    """What a request may hold.

    Attributes:
        bytes: of the body.
        pixels: of the picture, width times height.
        top: labels that an answer lists at most.
    """

    bytes: int = 20_000_000
    pixels: int = 40_000_000
    top: int = 100


class RequestError(Exception):
    """What is wrong with a request.

    Args:
        status: of HTTP.
        code: for programs.
        message: for people.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


async def body_of(request: Any, limits: Limits) -> bytes:
    """Return the body, read no further than allowed.

    Raises:
        RequestError: it is too large, or empty.
    """
    too_large = RequestError(413, "too_large", f"the body may have {limits.bytes} bytes at most")
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limits.bytes:
        raise too_large
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limits.bytes:
            raise too_large
        parts.append(part)
    if not size:
        raise RequestError(400, "empty", "the body is empty: send a picture file, or JSON with the key 'file'")
    return b"".join(parts)


async def picture_of(request: Any, body: bytes) -> bytes:
    """Return the bytes of the picture file that a body holds.

    Raises:
        RequestError: it holds none.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _of_form(request, body)
    if kind == "application/json":
        return _of_json(body)
    if kind == "" or kind == "application/octet-stream" or kind.startswith("image/"):
        return body
    raise RequestError(
        415, "unsupported_type", f"content type {kind[:60]!r}: send image/*, multipart/form-data or application/json"
    )


def _of_json(body: bytes) -> bytes:
    try:
        content = parse_json(body, "the body", JsonLimits(bytes=len(body), values=1000, depth=5))
    except UnsafeFileError as error:
        raise RequestError(400, "bad_json", str(error)) from error
    text = content.get("file") if isinstance(content, dict) else None
    if not isinstance(text, str):
        raise RequestError(422, "no_image", 'JSON must be {"file": "<base64 of a picture file>"}')
    try:
        return base64.b64decode(text.partition("base64,")[2] or text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RequestError(422, "bad_base64", f"'file' is not base64: {str(error)[:100]}") from error


async def _of_form(request: Any, body: bytes) -> bytes:
    """The first file of a form; the body was read within the limit already."""
    from starlette.datastructures import UploadFile
    from starlette.formparsers import MultiPartException, MultiPartParser

    async def once() -> Any:
        yield body

    try:
        form = await MultiPartParser(request.headers, once(), max_files=4, max_fields=16).parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise RequestError(400, "bad_form", f"the form cannot be read: {str(error)[:100]}") from error
    for value in form.values():
        if isinstance(value, UploadFile):
            data: bytes = await value.read()
            return data
    raise RequestError(422, "no_image", "the form holds no file")


def decoded(data: bytes, limits: Limits) -> np.ndarray:
    """Return the pixels of a picture file, uint8 (height, width, 3).

    Raises:
        RequestError: it is no picture, is damaged, or has too many pixels.
    """
    from PIL import Image

    from zoo.pictures.reading import decode

    try:
        with Image.open(io.BytesIO(data)) as header:
            width, height = header.size
    except Exception as error:  # Pillow raises anything on damaged headers
        raise RequestError(422, "no_image", "the file is not a picture in a format that zoo reads") from error
    if width * height > limits.pixels:
        raise RequestError(
            413, "too_many_pixels", f"the picture has {width} x {height} pixels; {limits.pixels} are read at most"
        )
    try:
        return decode(data)
    except DataError as error:
        raise RequestError(422, "bad_image", str(error)) from error
