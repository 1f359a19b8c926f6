"""`zoo serve`: a model behind HTTP."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.cli.models import check_served, open_model
from zoo.export.formats import needed


@click.command("serve")
@click.argument("model")
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0: reachable from other machines too.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0: any that is free.")
@click.option("--max-bytes", default=20_000_000, show_default=True, type=click.IntRange(min=1), help="Of a request.")
@click.option("--max-pixels", default=40_000_000, show_default=True, type=click.IntRange(min=1), help="Of a picture.")
def command(model: str, host: str, port: int, max_bytes: int, max_pixels: int) -> None:
    """Serve a model over HTTP.

    MODEL is an exported file (an ONNX file starts without TensorFlow), a .keras file, or the folder of a run. POST a
    picture file to /predict; / is a page to try it. Ends when it gets SIGTERM, after what it was asked is answered.

    \b
    Example:
      zoo serve m.onnx --port 8000
      curl --data-binary @rose.jpg -H 'Content-Type: image/jpeg' localhost:8000/predict
    """
    needed("zoo serve", "starlette", "uvicorn", extra="'zoo-sdk[serve]'")
    import uvicorn

    from zoo.serving.app import application
    from zoo.serving.asking import Limits

    served = open_model(model, None, None, None, quiet=True)
    check_served(served, model)
    app = application(served, Path(model).name, Limits(bytes=max_bytes, pixels=max_pixels))
    config = uvicorn.Config(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=10)
    socket = config.bind_socket()
    address, real_port = socket.getsockname()[:2]
    click.echo(f"serving {model} at http://{address}:{real_port}/ (Ctrl-C ends it)")
    uvicorn.Server(config).run(sockets=[socket])
