"""A model behind HTTP: pictures or JSON in, answers out; starlette and uvicorn (extra `serve`)."""
