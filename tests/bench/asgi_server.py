"""A server that costs CPU time, as a web application does: uvicorn and Starlette, which parse each form.

    python tests/bench/asgi_server.py 0.05      prints its address; replies 50 ms after each request

It stores nothing. It runs on the same cores as the clients, so that a client that costs more is slower.
"""

import asyncio
import itertools
import sys
from datetime import UTC, datetime

import uvicorn
from server import image
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

DELAY = float(sys.argv[1])
numbers = itertools.count()


async def upload(request):
    form = await request.form()
    await form["imagedata"].read()
    await asyncio.sleep(DELAY)
    now = datetime.now(UTC).isoformat()  # an older image would not be the new one
    return JSONResponse(image(next(numbers)) | {"created_at": now})


class Server(uvicorn.Server):
    """Prints its address when it accepts connections."""

    async def startup(self, sockets=None):
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        print(f"http://127.0.0.1:{port}", flush=True)


if __name__ == "__main__":
    app = Starlette(routes=[Route("/api/upload", upload, methods=["POST"])])
    Server(uvicorn.Config(app, port=0, log_level="error", access_log=False)).run()
