"""Writes the text of a Dockerfile that serves an exported file."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from zoo.errors import OptionError
from zoo.specs.exports import ExportRecord
from zoo.whole_file import write_whole

LIGHT = ("click", "numpy", "onnxruntime", "packaging", "pillow", "pluggy", "pydantic")
"""What an ONNX file is served with, beside `SERVING`; the rest of what zoo needs is for training."""

SERVING = ("starlette", "uvicorn", "python-multipart")

_EXTRAS = {"litert": "serve,litert", "openvino": "serve"}
_READABLE = 0o644

_BEGINS = "# Serves {}. "

_TEXT = """\
# Serves {name}. In this folder: docker build -t zoo-serve . && docker run -p {port}:{port} zoo-serve
FROM python:{python}-slim
RUN {install}
RUN useradd --create-home zoo
USER zoo
WORKDIR /home/zoo
{copies}
EXPOSE {port}
STOPSIGNAL SIGTERM
HEALTHCHECK CMD python -c "import urllib.request as r; r.urlopen('http://127.0.0.1:{port}/health', timeout=2)"
CMD ["zoo", "serve", "{name}", "--host", "0.0.0.0", "--port", "{port}"]
"""


def dockerfile(exported: Path, record: ExportRecord, *, port: int = 8000) -> str:
    """Return the text of a Dockerfile that serves an exported file as `zoo serve` does.

    An ONNX file is served without TensorFlow: the packages of `LIGHT` are all that is installed for it, in the versions
    of this installation. Everything else gets zoo with all it depends on.

    Args:
        exported: the file or folder, in the folder that the image is built in.
        record: what `export.json` says of it.
        port: that it is served at.

    Raises:
        OptionError: the name of the file cannot stand in a Dockerfile as it is.
    """
    name = exported.name
    if not name.replace("-", "").replace("_", "").replace(".", "").isalnum() or not name.isascii():
        raise OptionError(f"{name!r}: for a Dockerfile a name has letters, digits, '-', '_' and '.' only")
    # Of a folder Docker copies what is in it: it gets its own name back.
    copies = [
        f"COPY --chown=zoo {file} ./{file}{'/' if (exported.parent / file).is_dir() else ''}"
        for file in _files(exported)
    ]
    return _TEXT.format(name=name, port=port, python=_python(), install=_install(record), copies="\n".join(copies))


def check_dockerfile(exported: Path) -> Path:
    """Return where the Dockerfile of an export goes.

    Raises:
        OptionError: there is another one, of somebody else or for another file.
    """
    target = exported.with_name("Dockerfile")
    if target.exists() and not target.read_text(encoding="utf-8", errors="replace").startswith(
        _BEGINS.format(exported.name)
    ):
        raise OptionError(f"there is a {target} already, which does not serve {exported.name}: move it away")
    return target


def write_dockerfile(exported: Path, record: ExportRecord) -> Path:
    """Write `Dockerfile` beside an exported file, and `Dockerfile.dockerignore`, which keeps all other files out.

    Returns:
        The path of the Dockerfile.

    Raises:
        OptionError: there is another Dockerfile, or the name of the file cannot stand in one.
    """
    target = check_dockerfile(exported)
    text = dockerfile(exported, record)
    kept = "".join(f"!{name}\n" for name in _files(exported))
    write_whole(target, text.encode(), mode=_READABLE)
    write_whole(target.with_name("Dockerfile.dockerignore"), f"*\n{kept}".encode(), mode=_READABLE)
    return target


def _python() -> str:
    import sys

    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _install(record: ExportRecord) -> str:
    if record.format == "onnx":
        return f"pip install --no-cache-dir {_pinned(LIGHT + SERVING)} \\\n && pip install --no-deps {_zoo()}"
    extras = _EXTRAS.get(record.format, "serve")
    more = " openvino" if record.format == "openvino" else ""
    return f"pip install --no-cache-dir 'zoo-sdk[{extras}]=={version('zoo-sdk')}'{more}"


def _zoo() -> str:
    return f"zoo-sdk=={version('zoo-sdk')}"


def _pinned(names: Sequence[str]) -> str:
    return " ".join(f"{name}=={version(name)}" for name in names)


def _files(exported: Path) -> list[str]:
    """The file, and what lies beside it and belongs to it."""
    beside = [
        exported.with_name(f"{exported.name}.zoo"),
        exported.with_suffix(".bin"),
        exported.with_name("export.json"),
    ]
    return [exported.name, *(file.name for file in beside if file.is_file())]
