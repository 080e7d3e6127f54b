"""One session for many threads and event loops: no error, no mix-up, nothing left open."""

import asyncio
import contextlib
import gc
import subprocess
import sys
import threading
import warnings
from collections import Counter
from pathlib import Path

import pytest
from support.helpers import PNG

from gyazo_nb import Gyazo
from gyazo_nb.sandbox import Fault

REQUESTS = 2000
THREADS = 16
LOOPS = 3


def sockets():
    """The sockets that this process has open."""
    found = 0
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the one that reads the folder
            found += str(path.readlink()).startswith("socket:")
    return found


@pytest.fixture
def no_leak():
    """No socket more than before, and no ResourceWarning, once everything is closed."""
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("only where /proc shows the open files")
    gc.collect()
    before = sockets()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield lambda: (gc.collect(), sockets() - before)[1]


class Crowd:
    """Threads and loops that each ask for what only they know the answer of."""

    def __init__(self, gyazo, titles):
        self.gyazo, self.titles, self.ids = gyazo, titles, list(titles)
        self.errors, self.done = [], Counter()

    def thread(self, number, times):
        for n in range(number, number + times):
            image_id = self.ids[n * 37 % len(self.ids)]
            assert self.gyazo.image(image_id).title == self.titles[image_id]
            self.done["threads"] += 1

    def loop(self, number, times):
        async def one(n):
            image_id = self.ids[n * 53 % len(self.ids)]
            assert (await self.gyazo.aimage(image_id)).title == self.titles[image_id]
            self.done["loops"] += 1

        async def main():
            for start in range(number, number + times, 15):
                await asyncio.gather(*(one(n) for n in range(start, start + 15)))

        asyncio.run(main())

    def started(self, task, number, times):
        def kept():
            try:
                task(number, times)
            except Exception as error:  # noqa: BLE001 -- any of them fails the test
                self.errors.append(error)

        thread = threading.Thread(target=kept)
        thread.start()
        return thread


def test_16_threads_and_3_loops_share_a_session_for_2000_requests(no_leak, server, urls):
    """Everyone gets the answer to their own question; afterwards no socket is open."""
    add = server.sandbox.add_image
    titles = {add(PNG + n.to_bytes(2), title=f"{n}").image_id: f"{n}" for n in range(200)}
    gyazo = Gyazo(server.sandbox.new_token(), **urls)
    crowd, each = Crowd(gyazo, titles), REQUESTS // (THREADS + LOOPS) + 1

    workers = [crowd.started(crowd.thread, n, each) for n in range(THREADS)]
    workers += [crowd.started(crowd.loop, n, each) for n in range(LOOPS)]
    for worker in workers:
        worker.join()

    assert crowd.errors == []
    assert crowd.done.total() >= REQUESTS
    assert gyazo._connection.transport._clients._leases == {}  # each went with its loop
    gyazo.close()
    server.close()
    assert no_leak() <= 0


def test_a_loop_that_ends_takes_its_connections_along(no_leak, gyazo, server):
    """Nobody has to close anything inside of it."""
    for _ in range(3):
        asyncio.run(gyazo.ame())
    assert gyazo._connection.transport._clients._leases == {}
    gyazo.close()
    server.close()

    assert no_leak() <= 0


def test_closing_inside_a_running_loop_closes_there(no_leak, gyazo, server):
    """The blocking close, as at %unload_ext in a kernel: at once, or with the loop's end."""

    async def main(pause):
        await gyazo.ame()
        gyazo.close()
        await asyncio.sleep(pause)
        return await gyazo.ame()  # and a later call opens anew

    for pause in (0, 0.05):
        assert asyncio.run(main(pause)).name == "Sandy Box"
    asyncio.run(gyazo.aclose())
    server.close()

    assert no_leak() <= 0


def test_closing_as_the_last_thing_leaves_nothing(no_leak, gyazo, server):
    """The loop is over before it could do what it was asked."""

    async def main():
        await gyazo.ame()
        gyazo.close()

    asyncio.run(main())
    server.close()

    assert no_leak() <= 0


def test_a_session_between_two_runs_of_a_loop(no_leak, gyazo, server):
    """Closed while its loop stands still: the loop closes the rest when it ends."""
    with asyncio.Runner() as runner:
        runner.run(gyazo.ame())
        gyazo.close()
        assert runner.run(gyazo.ame()).name == "Sandy Box"
    server.close()

    assert no_leak() <= 0


def test_a_session_that_nobody_closed(no_leak, server, urls):
    """It takes its connections along, in both colours."""
    gyazo = Gyazo(server.sandbox.new_token(), **urls)
    gyazo.me()
    asyncio.run(gyazo.ame())
    del gyazo
    gc.collect()
    server.close()

    assert no_leak() <= 0


def test_a_cancelled_call_leaves_nothing(no_leak, gyazo, server):
    """A call that is given up in the middle, and the next one on the same loop."""

    async def main():
        for _ in range(5):
            server.sandbox.faults.append(Fault(delay=5))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await gyazo.ame()
        return await gyazo.ame()

    assert asyncio.run(main()).name == "Sandy Box"
    server.close()

    assert no_leak() <= 0


def test_both_withs_close(no_leak, server, urls):
    """`with` and `async with`."""
    with Gyazo(server.sandbox.new_token(), **urls) as gyazo:
        gyazo.me()

    async def main():
        async with Gyazo(server.sandbox.new_token(), **urls) as gyazo:
            await gyazo.ame()

    asyncio.run(main())
    server.close()

    assert no_leak() <= 0


def test_a_loop_that_was_closed_without_a_word(gyazo, server):
    """Whoever closes a loop by hand loses its connections; the session goes on without it."""
    loop = asyncio.new_event_loop()
    loop.run_until_complete(gyazo.ame())
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()

    assert asyncio.run(gyazo.ame()).name == "Sandy Box"
    assert gyazo._connection.transport._clients._leases == {}


def test_a_session_that_nobody_holds_closes_in_a_loop_that_goes_on(server, urls):
    """In a notebook the loop never ends: what is dropped is closed all the same."""

    async def main():
        token = server.sandbox.new_token()
        before = sockets()
        for _ in range(5):
            await Gyazo(token, **urls).ame()
            gc.collect()
        await asyncio.sleep(0.2)
        assert sockets() <= before + 2  # the last one may be on its way

    asyncio.run(main())


def test_a_client_that_was_given_up_keeps_nobody_from_leaving():
    """Its lock may be taken for ever: neither Python's end nor a forgotten session waits for it."""
    code = """
import gc
import subprocess
import sys
from gyazo_nb import Gyazo
from gyazo_nb.sandbox import Sandbox, serve
server = serve(Sandbox())
gyazo = Gyazo(server.sandbox.new_token(), api_url=server.url)
gyazo.me()
clients = gyazo._connection.transport._clients
clients._client._mounts.clear()
for transport in (clients._client._transport,):
    transport._pool._optional_thread_lock._lock.acquire()
clients.give_up()
gyazo.me()
server.close()
del gyazo, clients
gc.collect()
print("left")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=20
    )

    assert done.stdout == "left\n", done.stderr
