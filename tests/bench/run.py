"""`make bench`: the benchmarks of the README, each with its comparison, in one run on one machine.

Compare the ratios, because times differ between machines and runs. The two sides of a pair alternate for
several rounds, each measurement in a new process, and the medians are compared. Ten times the work may
take ten times as long, and not more.
"""

import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

BENCH = Path(__file__).parent
KB, MB = 1000, 2**20
ROUNDS = 5
# With byte code, as an installed package has it.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
ENVIRONMENT["PYTHONPATH"] = str(BENCH.parent)  # for support.jupyterlab_driver


def measure(*arguments, script="measure.py"):
    """Run one measurement in a new process, and return the numbers that it prints."""
    done = subprocess.run(
        [sys.executable, BENCH / script, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT,
    )
    if done.returncode:
        sys.exit(done.stderr)
    return [float(word) for word in done.stdout.split()]


@contextmanager
def run_server(delay, *more, script="server.py"):
    """Run a server, and yield its URL."""
    process = subprocess.Popen(
        [sys.executable, BENCH / script, str(delay), *map(str, more)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


@contextmanager
def files(number, size):
    """Files that look like different pictures by their first bytes."""
    with tempfile.TemporaryDirectory() as folder:
        block = os.urandom(min(size, MB))
        for index in range(number):
            with (Path(folder) / f"{index:05}.png").open("wb") as file:
                head = b"\x89PNG\r\n\x1a\n" + b"%08d" % index
                file.write(head)
                remaining = size - len(head)
                while remaining > 0:
                    file.write(block[:remaining])
                    remaining -= len(block)
        yield Path(folder)


def time_curl(url, folder):
    """Upload the same files with `curl --parallel`, 16 at a time, and return the seconds."""
    config = folder.parent / f"{folder.name}.curl"
    config.write_text(
        "next\n".join(
            f'url = "{url}/api/upload"\nheader = "Authorization: Bearer a-token"\n'
            f'form = "imagedata=@{path};type=image/png"\noutput = "/dev/null"\nsilent\n'
            for path in sorted(folder.iterdir())
        )
    )
    start = time.perf_counter()
    subprocess.run(
        ["curl", "--parallel", "--parallel-max", "16", "--config", config],
        check=True,
        capture_output=True,
    )
    seconds = time.perf_counter() - start
    config.unlink()
    return seconds


def median(numbers):
    return statistics.median(numbers)


def row(title, ours, peer, ratio, goal, reached):
    mark = "" if reached else "  NOT REACHED"
    print(f"{title:<52} {ours:>12} {peer:>24} {ratio:>10}   {goal}{mark}", flush=True)


def batches():
    with run_server(0.05) as url, files(400, 100 * KB) as folder, files(40, 100 * KB) as few:
        ours, peer = [], []
        for _ in range(ROUNDS):
            ours += measure("upload_all", url, folder)
            peer.append(time_curl(url, folder))
        speed = median([b / a for a, b in zip(ours, peer, strict=True)])
        row(
            "upload_all, 400 x 100 KB, 50 ms, 16 at once",
            f"{median(ours):.2f} s",
            f"curl {median(peer):.2f} s",
            f"{speed:.2f}",
            ">= 0.95",
            speed >= 0.95,
        )
        (slow,) = measure("python_gyazo", url, folder)
        speed = slow / median(ours)
        row(
            "the same",
            f"{median(ours):.2f} s",
            f"python-gyazo {slow:.1f} s",
            f"{speed:.1f}",
            ">= 15",
            speed >= 15,
        )
        small = median([measure("upload_all", url, few)[0] for _ in range(ROUNDS)])
        row(
            "growth from 40 to 400 files",
            f"{small:.2f} s",
            f"{median(ours):.2f} s",
            f"x {median(ours) / small:.1f}",
            "<= 10",
            median(ours) / small <= 10.5,
        )


def busy_server():
    """The clients and a server that parses the forms compete for the same cores."""
    number, ours, bare, curl = 400, [], [], []
    with (
        run_server(0.05, script="asgi_server.py") as url,
        files(number, 100 * KB) as folder,
    ):
        for _ in range(ROUNDS):
            ours.append(measure("upload_all_cpu", url, folder))
            bare.append(measure("httpx_threads", url, folder))
            curl.append(time_curl(url, folder))
    speed = median([b[0] / a[0] for a, b in zip(ours, bare, strict=True)])
    row(
        "upload_all, an ASGI server on the same cores",
        f"{median([a[0] for a in ours]):.2f} s",
        f"httpx, 16 threads {median([b[0] for b in bare]):.2f} s",
        f"{speed:.2f}",
        ">= 0.97",
        speed >= 0.97,
    )
    speed = median([b / a[0] for a, b in zip(ours, curl, strict=True)])
    row(
        "the same",
        f"{median([a[0] for a in ours]):.2f} s",
        f"curl {median(curl):.2f} s",
        f"{speed:.2f}",
        ">= 0.88",
        speed >= 0.88,
    )
    cpu = median([a[1] / b[1] for a, b in zip(ours, bare, strict=True)])
    row(
        "CPU time of the client per upload in that run",
        f"{median([a[1] for a in ours]) / number * 1000:.2f} ms",
        f"httpx, 16 threads {median([b[1] for b in bare]) / number * 1000:.2f} ms",
        f"{cpu:.2f}",
        "<= 1.15",
        cpu <= 1.15,
    )


def figures():
    with run_server(0.05) as url, files(1, 1000) as folder:
        rounds = [measure("figures", url, folder, 120) for _ in range(ROUNDS)]
    ours, peer = (median(numbers) for numbers in zip(*rounds, strict=True))
    speed = median([b / a for a, b in rounds])
    row(
        "120 figures as futures, rendered by 2 processes",
        f"{ours:.2f} s",
        f"rendered in the kernel {peer:.2f} s",
        f"{speed:.2f}",
        ">= 2",
        speed >= 2,
    )


def single():
    with run_server(0) as url:
        for size, name in ((100 * KB, "100 KB"), (1000 * KB, "1 MB")):
            with files(2, size) as folder:
                rounds = [measure("single_uploads", url, folder, 300) for _ in range(3)]
            ours, bare = (median(numbers) for numbers in zip(*rounds, strict=True))
            row(
                f"one upload of {name}, warm session, no delay",
                f"{ours * 1000:.2f} ms",
                f"httpx.Client {bare * 1000:.2f} ms",
                f"{ours / bare:.2f}",
                "<= 1.10",
                ours / bare <= 1.1,
            )


def images():
    with run_server(0.05, 10_000) as url, run_server(0.05, 1000) as fewer:
        seconds, found = measure("images", url)
        peer, _ = measure("python_gyazo_images", url)
        row(
            f"metadata of {found:.0f} images, 50 ms a page",
            f"{seconds:.2f} s",
            f"python-gyazo {peer:.2f} s",
            f"{peer / seconds:.1f}",
            ">= 6",
            peer / seconds >= 6,
        )
        small, _ = measure("images", fewer)
        row(
            "growth from 1,000 to 10,000 images",
            f"{small:.2f} s",
            f"{seconds:.2f} s",
            f"x {seconds / small:.1f}",
            "<= 10",
            seconds / small <= 10.5,
        )


def loading():
    measure("load_ext")  # writes the byte code
    seconds = median([measure("load_ext")[0] for _ in range(9)])
    row(
        "%load_ext gyazo_nb, without httpx and ipywidgets",
        f"{seconds * 1000:.0f} ms",
        "",
        "",
        "<= 50 ms",
        seconds <= 0.05,
    )


def panel():
    if shutil.which("chromium") is None:
        print("%gyazo_login until the panel is visible: not measured, Chromium is not installed")
        return
    rounds = [measure(script="page.py") for _ in range(3)]
    ours, bare = (median(numbers) for numbers in zip(*rounds, strict=True))
    row(
        "%gyazo_login until the panel is visible",
        f"{ours * 1000:.0f} ms",
        f"bare VBox {bare * 1000:.0f} ms",
        f"{ours / bare:.2f}",
        "<= 1.25",
        ours / bare <= 1.25,
    )


def memory():
    with run_server(0) as url:
        peaks = []
        for number in (10, 100):
            with files(number, 10 * MB) as folder:
                peaks += measure("memory", url, folder)
    for number, peak in zip(("100 MB", "1 GB"), peaks, strict=True):
        row(
            f"peak memory, {number} of files, upload_all",
            f"{peak / MB:.0f} MB",
            "more than a warm session",
            "",
            "<= 64 MB",
            peak <= 64 * MB,
        )


def main():
    if shutil.which("curl") is None:
        sys.exit("make bench compares with curl, which is not installed.")
    version = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True)
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}, ", end="")
    print(f"Python {platform.python_version()}, {' '.join(version.stdout.split()[:2])}")
    row("benchmark", "gyazo_nb", "compared with", "ratio", "goal", reached=True)
    selected = sys.argv[1:]
    for part in (batches, busy_server, figures, single, images, loading, panel, memory):
        if not selected or part.__name__ in selected:
            part()


if __name__ == "__main__":
    main()
