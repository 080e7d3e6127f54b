"""A server that replies as a test decides, for replies that the sandbox does not send."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from gyazo_nb import Gyazo


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # with 5, a client may wait a second for its connection

    def handle_error(self, *_):
        """Print no traceback for a client that refuses the certificate."""


@contextmanager
def scripted_server(reply, tls=None):
    """Run a server. `reply(method, path)` returns status, headers and body. `tls` makes it use https.

    Yields its URL, and the list of received requests: method, path, headers and body.
    """
    received = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # otherwise the body waits 40 ms for the headers

        def handle_request(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            received.append((self.command, self.path, dict(self.headers), body))
            status, headers, data = reply(self.command, self.path)
            data = data if isinstance(data, bytes) else json.dumps(data).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            """Print no log."""

    for method in ("GET", "POST", "DELETE", "PATCH", "CONNECT"):
        setattr(Handler, f"do_{method}", Handler.handle_request)
    server = _Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    threading.Thread(target=server.serve_forever, args=[0.002], daemon=True).start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}", received
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def scripted_session(reply, **options):
    """Yield a session with a scripted server, and the list of received requests."""
    with (
        scripted_server(reply) as (url, received),
        Gyazo("a-token", auth_url=url, api_url=url, upload_url=url, retries=0, **options) as gyazo,
    ):
        yield gyazo, received
