"""One measurement in its own process: `python tests/bench/measure.py FUNCTION URL …` prints seconds.

The compared program does the same work: the same files, the same server, the same number of uploads at a time.
"""

import resource
import statistics
import sys
import time
from pathlib import Path

TOKEN = "a-token"


def session(url):
    from gyazo_nb import Gyazo

    return Gyazo(TOKEN, auth_url=url, api_url=url, upload_url=url)


def warm_session(url, folder):
    """A session after its first upload: it is connected, and all modules are imported."""
    gyazo = session(url)
    gyazo.upload(next(Path(folder).iterdir()))
    return gyazo


def upload_all(url, folder):
    gyazo = warm_session(url, folder)
    paths = sorted(Path(folder).iterdir())
    start = time.perf_counter()
    report = gyazo.upload_all(paths, concurrency=16, progress=False)
    print(time.perf_counter() - start)
    assert report.ok, report


def upload_all_cpu(url, folder):
    """Prints the seconds of a batch, and the seconds of CPU time of all threads."""
    gyazo = warm_session(url, folder)
    paths = sorted(Path(folder).iterdir())
    start, cpu = time.perf_counter(), time.process_time()
    report = gyazo.upload_all(paths, concurrency=16, progress=False)
    print(time.perf_counter() - start, time.process_time() - cpu)
    assert report.ok, report


def httpx_threads(url, folder):
    """The same uploads by a bare `httpx.Client` in 16 threads."""
    from concurrent.futures import ThreadPoolExecutor

    import httpx

    client = httpx.Client(headers={"Authorization": f"Bearer {TOKEN}"})

    def upload(path):
        with path.open("rb") as file:
            files = {"imagedata": ("image.png", file, "image/png")}
            return client.post(f"{url}/api/upload", files=files).raise_for_status().json()

    paths = sorted(Path(folder).iterdir())
    upload(paths[0])
    with ThreadPoolExecutor(16) as pool:
        start, cpu = time.perf_counter(), time.process_time()
        assert len(list(pool.map(upload, paths))) == len(paths)
        print(time.perf_counter() - start, time.process_time() - cpu)


def make_figure(seed):
    """A figure of 2,000 points, as a notebook shows it by default."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4))
    figure.subplots().plot(np.random.default_rng(seed).normal(size=2000).cumsum())
    return figure


def render_figure(seed):
    """The figure as PNG, for other processes: by `savefig`, as users write it.

    A notebook, and so an upload from the kernel, crops the margins too, which takes 1.3 times as long.
    """
    import io

    out = io.BytesIO()
    make_figure(seed).savefig(out, format="png")
    return out.getvalue()


def figures(url, folder, number):
    """Figures rendered by two other processes, and in this one. Prints seconds for both."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    gyazo = warm_session(url, folder)
    seeds = range(int(number))
    render_figure(0)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(render_figure, range(4)))  # starts the processes
        start = time.perf_counter()
        futures = [pool.submit(render_figure, seed) for seed in seeds]
        assert gyazo.upload_all(futures, progress=False).ok
        print(time.perf_counter() - start)
    start = time.perf_counter()
    assert gyazo.upload_all(map(make_figure, seeds), progress=False).ok
    print(time.perf_counter() - start)


def python_gyazo(url, folder):
    from gyazo import Api

    api = Api(access_token=TOKEN, api_url=url, upload_url=url)
    paths = sorted(Path(folder).iterdir())
    start = time.perf_counter()
    for path in paths:
        with path.open("rb") as file:
            api.upload_image(file)
    print(time.perf_counter() - start)


def single_uploads(url, folder, times):
    """Uploads by a warm session and by a bare `httpx.Client`, which alternate. Prints two medians."""
    import httpx

    data = next(Path(folder).iterdir()).read_bytes()
    gyazo = warm_session(url, folder)
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
        for upload, results in seconds.items():
            start = time.perf_counter()
            upload()
            results.append(time.perf_counter() - start)
    print(*map(statistics.median, seconds.values()))


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


def load_ext():
    """`%load_ext gyazo_nb` in the shell of a kernel, which has imported its own modules."""
    from ipykernel.zmqshell import ZMQInteractiveShell

    shell = ZMQInteractiveShell.instance()
    shell.run_line_magic("load_ext", "autoreload")
    start = time.perf_counter()
    shell.run_line_magic("load_ext", "gyazo_nb")
    print(time.perf_counter() - start)
    assert not {"httpx", "ipywidgets", "tqdm"} & set(sys.modules)


def memory(url, folder):
    """The peak memory of a batch, minus that of the warm session, in bytes."""
    gyazo = warm_session(url, folder)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    report = gyazo.upload_all(Path(folder).iterdir(), progress=False)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
    assert report.ok, report


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
