"""The clients of a session: many threads and event loops share them, and every connection is closed."""

import asyncio
import contextlib
import gc
import multiprocessing
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from pathlib import Path

import pytest
from support.helpers import PNG
from support.scripted_server import scripted_session

from gyazo_nb import ConnectionFailedError, Gyazo, GyazoError, Retry
from gyazo_nb.sandbox import Fault

REQUESTS = 1000
THREADS = 16
LOOPS = 3


def count_sockets():
    """Return the number of open sockets of this process."""
    count = 0
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the descriptor that reads the folder
            count += str(path.readlink()).startswith("socket:")
    return count


@pytest.fixture
def leaked_sockets():
    """A function that counts the sockets opened since the start of the test. Warnings are errors."""
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("/proc does not show the open files here")
    gc.collect()
    before = count_sockets()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield lambda: (gc.collect(), count_sockets() - before)[1]


class Workers:
    """Threads and event loops that request images, and check that each reply is their own."""

    def __init__(self, gyazo, titles):
        self.gyazo, self.titles, self.ids = gyazo, titles, list(titles)
        self.errors, self.done = [], Counter()

    def run_blocking(self, number, times):
        for n in range(number, number + times):
            image_id = self.ids[n * 37 % len(self.ids)]
            assert self.gyazo.image(image_id).title == self.titles[image_id]
            self.done["threads"] += 1

    def run_loop(self, number, times):
        async def one(n):
            image_id = self.ids[n * 53 % len(self.ids)]
            assert (await self.gyazo.aimage(image_id)).title == self.titles[image_id]
            self.done["loops"] += 1

        async def main():
            for start in range(number, number + times, 15):
                await asyncio.gather(*(one(n) for n in range(start, start + 15)))

        asyncio.run(main())

    def start(self, task, number, times):
        def run():
            try:
                task(number, times)
            except Exception as error:  # noqa: BLE001 -- every error fails the test
                self.errors.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        return thread


@pytest.mark.slow
def test_16_threads_and_3_loops_share_a_session_for_1000_requests(leaked_sockets, server, urls):
    """Each call gets its own reply, and no socket stays open."""
    add = server.sandbox.add_image
    titles = {add(PNG + n.to_bytes(2), title=f"{n}").image_id: f"{n}" for n in range(200)}
    gyazo = Gyazo(server.sandbox.new_token(), **urls)
    workers, times = Workers(gyazo, titles), REQUESTS // (THREADS + LOOPS) + 1

    threads = [workers.start(workers.run_blocking, n, times) for n in range(THREADS)]
    threads += [workers.start(workers.run_loop, n, times) for n in range(LOOPS)]
    for thread in threads:
        thread.join()

    assert workers.errors == []
    assert workers.done.total() >= REQUESTS
    assert gyazo._connection.transport._clients._leases == {}  # each ended with its loop
    gyazo.close()
    server.close()
    assert leaked_sockets() <= 0


@pytest.mark.slow
def test_end_of_a_loop_closes_its_connections(leaked_sockets, gyazo, server):
    """Without a call of `close` inside the loop."""
    for _ in range(3):
        asyncio.run(gyazo.ame())
    assert gyazo._connection.transport._clients._leases == {}
    gyazo.close()
    server.close()

    assert leaked_sockets() <= 0


@pytest.mark.slow
def test_blocking_close_inside_a_running_loop_closes_its_connections(leaked_sockets, gyazo, server):
    """As %unload_ext does in a kernel: soon, or at the end of the loop."""

    async def main(pause):
        await gyazo.ame()
        gyazo.close()
        await asyncio.sleep(pause)
        return await gyazo.ame()  # a later call opens new connections

    for pause in (0, 0.05):
        assert asyncio.run(main(pause)).name == "Sandy Box"
    asyncio.run(gyazo.aclose())
    server.close()

    assert leaked_sockets() <= 0


@pytest.mark.slow
def test_close_directly_before_the_end_of_a_loop_leaves_no_connection(
    leaked_sockets, gyazo, server
):
    """The loop ends before it can process the close."""

    async def main():
        await gyazo.ame()
        gyazo.close()

    asyncio.run(main())
    server.close()

    assert leaked_sockets() <= 0


@pytest.mark.slow
def test_close_between_two_runs_of_a_loop_closes_at_the_end_of_the_loop(
    leaked_sockets, gyazo, server
):
    with asyncio.Runner() as runner:
        runner.run(gyazo.ame())
        gyazo.close()
        assert runner.run(gyazo.ame()).name == "Sandy Box"
    server.close()

    assert leaked_sockets() <= 0


@pytest.mark.slow
def test_dropped_session_closes_its_connections(leaked_sockets, server, urls):
    """Those of blocking and async calls."""
    gyazo = Gyazo(server.sandbox.new_token(), **urls)
    gyazo.me()
    asyncio.run(gyazo.ame())
    del gyazo
    gc.collect()
    server.close()

    assert leaked_sockets() <= 0


@pytest.mark.slow
def test_cancelled_call_leaves_no_connection(leaked_sockets, gyazo, server):
    """The next call on the same loop works."""

    async def main():
        for _ in range(5):
            server.sandbox.faults.append(Fault(delay=5))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await gyazo.ame()
        return await gyazo.ame()

    assert asyncio.run(main()).name == "Sandy Box"
    server.close()

    assert leaked_sockets() <= 0


@pytest.mark.slow
def test_with_and_async_with_close_the_connections(leaked_sockets, server, urls):
    with Gyazo(server.sandbox.new_token(), **urls) as gyazo:
        gyazo.me()

    async def main():
        async with Gyazo(server.sandbox.new_token(), **urls) as gyazo:
            await gyazo.ame()

    asyncio.run(main())
    server.close()

    assert leaked_sockets() <= 0


def test_session_works_after_a_loop_was_closed_directly(gyazo, server):
    """`loop.close()` does not close the connections of the loop; the session forgets them."""
    loop = asyncio.new_event_loop()
    loop.run_until_complete(gyazo.ame())
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()

    assert asyncio.run(gyazo.ame()).name == "Sandy Box"
    assert gyazo._connection.transport._clients._leases == {}


@pytest.mark.slow
def test_dropped_session_closes_its_connections_in_a_running_loop(server, urls):
    """In a notebook the loop never ends."""

    async def main():
        token = server.sandbox.new_token()
        before = count_sockets()
        for _ in range(5):
            await Gyazo(token, **urls).ame()
            gc.collect()
        deadline = time.monotonic() + 60
        while count_sockets() > before + 2:  # the last close may still be running
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)

    asyncio.run(main())


def test_discarded_client_does_not_block_the_exit():
    """Its lock may stay locked forever. Neither the exit of Python nor a dropped session waits for it."""
    code = """
import gc
import subprocess
import sys
from gyazo_nb import Gyazo, Retry
from gyazo_nb.sandbox import Sandbox, serve
server = serve(Sandbox())
gyazo = Gyazo(server.sandbox.new_token(), api_url=server.url)
gyazo.me()
clients = gyazo._connection.transport._clients
(transport,) = clients._clients[0]._transport._routes._transports.values()
transport._pool._optional_thread_lock._lock.acquire()
clients.discard_sync_client()
gyazo.me()
server.close()
del gyazo, clients
gc.collect()
print("done")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )

    assert done.stdout == "done\n", done.stderr


def request_own_id(number):
    """In a forked process: request an image whose reply contains the requested id."""
    return forked_session.image(f"{number:032x}").image_id == f"{number:032x}"


# Python 3.12 warns about every fork of a process with threads. Users may fork all the same.
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_forked_processes_do_not_read_replies_of_each_other():
    """Each process opens its own connections."""
    global forked_session

    def reply(_, path):
        return 200, {}, {"image_id": path.rpartition("/")[2]}

    with scripted_session(reply) as (forked_session, _):
        assert request_own_id(0)
        with multiprocessing.get_context("fork").Pool(4) as pool:
            assert all(pool.map(request_own_id, range(200)))
        assert request_own_id(1)


def test_call_is_sent_although_another_thread_closes_the_session(call, gyazo, urls, monkeypatch):
    """The session closes its client after the call gets the client, and before the call uses it."""
    session = Gyazo(gyazo.account.token, **urls, retries=Retry(first=0))
    pool = session._connection.transport._clients
    sync_client, async_client = pool.sync_client, pool.async_client

    def closed_client():
        monkeypatch.undo()
        client = sync_client()
        session.close()
        return client

    async def closed_async_client():
        monkeypatch.undo()
        client = await async_client()
        await session.aclose()
        return client

    monkeypatch.setattr(pool, "sync_client", closed_client)
    monkeypatch.setattr(pool, "async_client", closed_async_client)
    with session:
        assert call(session, "me") == gyazo.me()


def test_cookies_are_not_stored(call, gyazo, server):
    """A cookie would identify the account even after a sign-out."""
    server.sandbox.faults.append(
        Fault(status=400, headers={"Set-Cookie": "Gyazo_session=x; Path=/"})
    )
    with pytest.raises(GyazoError):
        call(gyazo, "me")

    call(gyazo, "me")

    assert "cookie" not in server.sandbox.requests[-1].headers


def test_requests_to_this_machine_use_no_proxy(call, gyazo, monkeypatch):
    """The sandbox is reachable although a proxy is set."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")

    assert call(gyazo, "me").name == "Sandy Box"


def test_server_without_a_valid_certificate_is_rejected(call):
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def reply():
            client, _ = plain.accept()
            with client:
                client.recv(1000)
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

        thread = threading.Thread(target=reply)
        thread.start()
        gyazo = Gyazo("a-token", api_url=f"https://127.0.0.1:{plain.getsockname()[1]}", timeout=5)

        with pytest.raises(ConnectionFailedError):
            call(gyazo, "me")

        thread.join()
        gyazo.close()
