"""One measurement in a process of its own: `python tests/bench/measure.py WHAT URL …` prints seconds.

Each peer does the same work: the same files, the same server, the same number at a time.
"""

import resource
import sys
import time
from pathlib import Path

TOKEN = "a-token"


def session(url):
    from gyazo_nb import Gyazo

    return Gyazo(TOKEN, auth_url=url, api_url=url, upload_url=url)


def warm(url, folder):
    """A session that has a connection and has loaded everything."""
    gyazo = session(url)
    gyazo.upload(next(Path(folder).iterdir()))
    return gyazo


def upload_all(url, folder):
    gyazo = warm(url, folder)
    paths = sorted(Path(folder).iterdir())
    start = time.perf_counter()
    report = gyazo.upload_all(paths, concurrency=16, progress=False)
    print(time.perf_counter() - start)
    assert report.ok, report


def python_gyazo(url, folder):
    from gyazo import Api

    api = Api(access_token=TOKEN, api_url=url, upload_url=url)
    paths = sorted(Path(folder).iterdir())
    start = time.perf_counter()
    for path in paths:
        with path.open("rb") as file:
            api.upload_image(file)
    print(time.perf_counter() - start)


def one(url, folder, times):
    """One upload after the other on a warm session, in turn with a bare `httpx.Client`."""
    import httpx

    data = next(Path(folder).iterdir()).read_bytes()
    gyazo = warm(url, folder)
    client = httpx.Client(headers={"Authorization": f"Bearer {TOKEN}"})

    def ours():
        gyazo.upload(data)

    def bare():
        reply = client.post(
            f"{url}/api/upload", files={"imagedata": ("image.png", data, "image/png")}
        )
        reply.json()

    seconds = {ours: [], bare: []}
    for _ in range(int(times)):
        for do in (ours, bare):
            start = time.perf_counter()
            do()
            seconds[do].append(time.perf_counter() - start)
    print(*(sorted(seconds[do])[len(seconds[do]) // 2] for do in (ours, bare)))


def images(url):
    gyazo = session(url)
    gyazo.images(page=1, per_page=1)
    start = time.perf_counter()
    found = sum(1 for _ in gyazo.images())
    print(time.perf_counter() - start, found)


def python_gyazo_images(url):
    from gyazo import Api

    api = Api(access_token=TOKEN, api_url=url, upload_url=url)
    start = time.perf_counter()
    found, number = 0, 1
    while page := len(api.get_image_list(page=number, per_page=100)):
        found += page
        number += 1
    print(time.perf_counter() - start, found)


def kernels_shell():
    """A shell with everything loaded that a kernel has loaded."""
    from ipykernel.zmqshell import ZMQInteractiveShell

    shell = ZMQInteractiveShell.instance()
    shell.run_line_magic("load_ext", "autoreload")
    return shell


def load_ext(_):
    shell = kernels_shell()
    start = time.perf_counter()
    shell.run_line_magic("load_ext", "gyazo_nb")
    print(time.perf_counter() - start)
    assert not {"httpx", "ipywidgets", "tqdm"} & set(sys.modules)


def heavy(_):
    """What %load_ext leaves for later."""
    kernels_shell()
    start = time.perf_counter()
    import httpx
    import ipywidgets

    print(time.perf_counter() - start)
    assert httpx
    assert ipywidgets


def memory(url, folder):
    """The peak above what a warm session holds, in bytes."""
    gyazo = warm(url, folder)
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    report = gyazo.upload_all(Path(folder).iterdir(), progress=False)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - idle) * 1024)
    assert report.ok, report


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
