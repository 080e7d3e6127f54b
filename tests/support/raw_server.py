"""A server that a test controls byte by byte, and proxies that record what they receive."""

import contextlib
import socket
import struct
import threading
from contextlib import contextmanager

PNG_REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"


class RawServer:
    """Runs `behave(client)` in a thread for each connection, and closes all of them at the end."""

    def __init__(self, behave, tls=None, receive_buffer=None):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if receive_buffer:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(50)
        self.port = self.listener.getsockname()[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        self.closed = threading.Event()
        self.connections = []
        self._behave, self._tls = behave, tls
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(client)
            threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError, EOFError):  # the client closes the connection
            if self._tls is not None:
                client = self._tls.wrap_socket(client, server_side=True)
                self.connections.append(client)
            self._behave(client)
        client.close()

    def close(self):
        self.closed.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes `accept`
        self.listener.close()
        for client in list(self.connections):
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            client.close()


@contextmanager
def raw_server(behave, **options):
    """Yield a `RawServer`."""
    server = RawServer(behave, **options)
    try:
        yield server
    finally:
        server.close()


def read_head(client):
    """Return the first line of a request, and read the rest of its head."""
    head = b""
    while b"\r\n\r\n" not in head:
        data = client.recv(1)
        if not data:
            raise EOFError
        head += data
    return head.decode("latin-1")


def relay(one, other):
    """Copy bytes in both directions until one side closes."""

    def copy(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    back = threading.Thread(target=copy, args=[other, one], daemon=True)
    back.start()
    copy(one, other)
    back.join()


@contextmanager
def http_proxy(ports, status="200 OK", body=b"", tls=None):
    """Run an HTTP proxy. `ports` has the local port for each host name.

    Yields the server and the list of request heads. A status that is not 200 refuses each request.
    A request that is not CONNECT gets `body`.
    """
    seen = []

    def behave(client):
        head = read_head(client)
        seen.append(head)
        method, target, _ = head.split(" ", 2)
        if not status.startswith("200"):
            client.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
        elif method == "CONNECT":
            with socket.create_connection(("127.0.0.1", ports[target.rpartition(":")[0]])) as there:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                relay_tls(client, there) if tls else relay(client, there)
        else:
            client.sendall(PNG_REPLY % len(body) + body)

    with raw_server(behave, tls=tls) as server:
        yield server, seen


def relay_tls(client, there):
    """Same as `relay`. A TLS socket must not be used by two threads at the same time."""
    client.settimeout(0.01)
    there.settimeout(0.01)
    while True:
        for source, target in ((client, there), (there, client)):
            with contextlib.suppress(TimeoutError):
                data = source.recv(65536)
                if not data:
                    return
                target.sendall(data)


@contextmanager
def socks_proxy(ports, user=None, password=None, reply=0):
    """Run a SOCKS 5 proxy (RFC 1928, RFC 1929). Yields the server and the list of host names and ports."""
    seen = []

    def receive(client, size):
        data = b""
        while len(data) < size:
            part = client.recv(size - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def behave(client):
        _, count = receive(client, 2)
        methods = receive(client, count)
        method = 2 if user else 0
        if method not in methods:
            client.sendall(b"\x05\xff")
            return
        client.sendall(bytes([5, method]))
        if user:
            _, size = receive(client, 2)
            name = receive(client, size).decode()
            word = receive(client, receive(client, 1)[0]).decode()
            good = (name, word) == (user, password)
            client.sendall(b"\x01\x00" if good else b"\x01\x01")
            if not good:
                return
        _, _, _, kind = receive(client, 4)
        assert kind == 3, "the proxy resolves the name"
        host = receive(client, receive(client, 1)[0]).decode()
        (port,) = struct.unpack(">H", receive(client, 2))
        seen.append((host, port))
        client.sendall(bytes([5, reply, 0, 1, 127, 0, 0, 1, 0, 0]))
        if reply == 0:
            with socket.create_connection(("127.0.0.1", ports[host])) as there:
                relay(client, there)

    with raw_server(behave) as server:
        yield server, seen
