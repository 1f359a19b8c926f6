"""The application: predict, health, metrics, a page to try it, and a description of all that (OpenAPI)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

from zoo._version import __version__
from zoo.serving.asking import Limits, RequestError, body_of, decoded, picture_of
from zoo.serving.batching import Batcher, OverloadedError
from zoo.serving.counting import Counts
from zoo.serving.description import openapi
from zoo.tasks import Prediction


class Served(Protocol):
    """What a model must do to be served."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the columns."""
        ...

    def predict(self, images: Any, *, batch_size: int = 32) -> list[Prediction]:
        """Say what is on images."""
        ...


def application(model: Served, name: str, limits: Limits | None = None) -> Any:
    """Return the ASGI application that serves a model.

    Args:
        model: a `TransferModel` or an `ExportedModel`.
        name: what the page calls it.
        limits: what a request may hold.
    """
    from starlette.applications import Starlette
    from starlette.routing import Route

    server = _Server(model, name, limits or Limits())
    return Starlette(
        routes=[
            Route("/", server.page),
            Route("/predict", server.predict, methods=["POST"]),
            Route("/health", server.health),
            Route("/metrics", server.metrics),
            Route("/openapi.json", server.openapi),
        ],
        lifespan=server.lifespan,
        exception_handlers={404: _no_such_page, 405: _no_such_method},
    )


class _Server:
    def __init__(self, model: Served, name: str, limits: Limits) -> None:
        self._model, self._name, self._limits = model, name, limits
        self._counts = Counts()
        self._batcher = Batcher(lambda examples: model.predict(list(examples)))

    @asynccontextmanager
    async def lifespan(self, app: Any) -> AsyncIterator[None]:
        """Answer while the server runs; what waits at its end is answered first."""
        self._batcher.start()
        yield
        await self._batcher.stop()

    async def predict(self, request: Any) -> Any:
        """POST /predict?top=5: a picture file or JSON in, the answer out."""
        from starlette.responses import JSONResponse

        began = time.perf_counter()
        try:
            status, content = 200, await self._answer(request)
        except RequestError as error:
            status, content = error.status, _error(error.code, error.message)
        except OverloadedError:
            status, content = 503, _error("overloaded", "too many requests wait: try again in a moment")
        except Exception as error:  # a fault of the model must not end the connection without a word
            status, content = 500, _error("failed", f"the model failed ({type(error).__name__})")
        self._counts.note(status, time.perf_counter() - began)
        return JSONResponse(content, status, headers={"Retry-After": "1"} if status == 503 else None)

    async def _answer(self, request: Any) -> dict[str, Any]:
        from starlette.concurrency import run_in_threadpool

        text = request.query_params.get("top", "5")
        if not text.isdigit() or not 1 <= int(text) <= self._limits.top:
            raise RequestError(422, "bad_top", f"top={text[:20]!r} must be a number from 1 to {self._limits.top}")
        data = await picture_of(request, await body_of(request, self._limits))
        picture = await run_in_threadpool(decoded, data, self._limits)
        prediction: Prediction = await self._batcher.ask(picture)
        answer = prediction.to_dict(int(text))
        del answer["source"]
        return answer

    async def health(self, request: Any) -> Any:
        """GET /health: whether it answers, and what is served."""
        from starlette.responses import JSONResponse

        return JSONResponse(
            {"status": "ok", "model": self._name, "zoo": __version__, "labels": len(self._model.labels)}
        )

    async def metrics(self, request: Any) -> Any:
        """GET /metrics: for Prometheus."""
        from starlette.responses import PlainTextResponse

        return PlainTextResponse(self._counts.text(self._batcher.sizes), media_type="text/plain; version=0.0.4")

    async def openapi(self, request: Any) -> Any:
        """GET /openapi.json: what can be asked."""
        from starlette.responses import JSONResponse

        return JSONResponse(openapi(self._name, self._limits))

    async def page(self, request: Any) -> Any:
        """GET /: a page that takes a dropped photo."""
        from starlette.responses import HTMLResponse

        from zoo import page

        html = page.render(
            "serving/start.html",
            title=self._name,
            labels=self._model.labels[:12],
            more=max(0, len(self._model.labels) - 12),
            megabytes=self._limits.bytes // 1_000_000,
        )
        return HTMLResponse(html)


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


async def _no_such_page(request: Any, error: Exception) -> Any:
    from starlette.responses import JSONResponse

    return JSONResponse(_error("not_found", "there is /, /predict, /health, /metrics and /openapi.json"), 404)


async def _no_such_method(request: Any, error: Exception) -> Any:
    from starlette.responses import JSONResponse

    return JSONResponse(_error("wrong_method", "/predict takes POST, everything else GET"), 405)
