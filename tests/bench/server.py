"""The server of the benchmarks. It uses as little CPU time as asyncio allows.

    python tests/bench/server.py 0.05      prints its address; replies 50 ms after each request

It checks and stores nothing, unlike the sandbox, so that the benchmarks measure the client.
"""

import asyncio
import json
import socket
import sys

PAGE = 100


class Connection(asyncio.Protocol):
    """One keep-alive connection, one request after the other."""

    delay = 0.0
    total = 10_000
    count = 0

    def connection_made(self, transport):
        self.transport = transport
        self.buffer = bytearray()
        self.missing = -1  # bytes of the body that have not arrived; -1 before the headers

    def data_received(self, data):
        if self.missing > 0:  # the body is counted and dropped
            self.missing -= len(data)
        else:
            self.buffer += data
        if self.missing < 0 and (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.buffer[:end])
            lines = head.lower().split(b"\r\n")
            length = next((int(x[15:]) for x in lines if x.startswith(b"content-length:")), 0)
            if any(x.startswith(b"expect:") for x in lines):
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.target = head.split(b" ", 2)[1].decode()
            self.missing = length - (len(self.buffer) - end - 4)
            self.buffer.clear()
        if self.missing == 0:
            self.missing = -1
            if self.delay:
                asyncio.get_running_loop().call_later(self.delay, self.reply, self.target)
            else:
                self.reply(self.target)

    def reply(self, target):
        headers, body = self.upload_reply() if "upload" in target else self.page_reply(target)
        self.transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n%s\r\n%s" % (len(body), headers, body)
        )

    def upload_reply(self):
        Connection.count += 1
        return b"", json.dumps(image(Connection.count)).encode()

    def page_reply(self, target):
        page = int(target.partition("page=")[2].partition("&")[0] or 1)
        first = (page - 1) * PAGE
        entries = [image(n) for n in range(first, min(first + PAGE, self.total))]
        headers = f"X-Total-Count: {self.total}\r\nX-Current-Page: {page}\r\n"
        headers += f"X-Per-Page: {PAGE}\r\nX-User-Type: ninja\r\n"
        return headers.encode(), json.dumps(entries).encode()


def image(number):
    name = f"{number:032x}"
    return {
        "image_id": name,
        "permalink_url": f"https://gyazo.com/{name}",
        "thumb_url": f"https://thumb.gyazo.com/thumb/200/{name}.png",
        "url": f"https://i.gyazo.com/{name}.png",
        "type": "png",
        "created_at": "2026-11-24T11:57:35+0000",
        "metadata": {"app": None, "title": None, "url": None, "desc": ""},
    }


async def main():
    Connection.delay = float(sys.argv[1])
    if len(sys.argv) > 2:
        Connection.total = int(sys.argv[2])
    # With the protocol named, asyncio sets TCP_NODELAY. Without it, each reply takes 40 ms longer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    server = await asyncio.get_running_loop().create_server(Connection, sock=listener, backlog=1024)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
