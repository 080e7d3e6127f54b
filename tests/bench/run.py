"""`make bench`: what is promised in numbers, each beside its peer, in one run on one machine.

Times of a run are worth little by themselves; the ratios are what counts. Every pair is measured in
turn, several rounds, each in a process of its own, and the medians are compared. With the work ten
times as large, the time should grow ten-fold and no more.
"""

import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
KB, MB = 1000, 2**20
ROUNDS = 5
# Installed packages are compiled; ours, in the repository, may be so as well.
COMPILED = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
COMPILED["PYTHONPATH"] = str(HERE.parent)  # lab.py


def measured(what, *arguments, by="measure.py"):
    done = subprocess.run(
        [sys.executable, HERE / by, *map(str, (what, *arguments))],
        capture_output=True,
        text=True,
        check=False,
        env=COMPILED,
    )
    if done.returncode:
        sys.exit(done.stderr)
    return [float(word) for word in done.stdout.split()]


@contextmanager
def served(delay, *more):
    process = subprocess.Popen(
        [sys.executable, HERE / "server.py", str(delay), *map(str, more)],
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
    """Different pictures, as far as their first bytes go."""
    with tempfile.TemporaryDirectory() as folder:
        block = os.urandom(min(size, MB))
        for index in range(number):
            with (Path(folder) / f"{index:05}.png").open("wb") as file:
                head = b"\x89PNG\r\n\x1a\n" + b"%08d" % index
                file.write(head)
                left = size - len(head)
                while left > 0:
                    file.write(block[:left])
                    left -= len(block)
        yield Path(folder)


def curl(url, folder):
    """The same uploads by `curl --parallel`, 16 at a time, in seconds."""
    import time

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


def row(what, ours, peer, ratio, goal, reached):
    mark = "" if reached else "  NOT REACHED"
    print(f"{what:<52} {ours:>12} {peer:>24} {ratio:>10}   {goal}{mark}", flush=True)


def batches():
    with served(0.05) as url, files(400, 100 * KB) as folder, files(40, 100 * KB) as few:
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours += measured("upload_all", url, folder)
            theirs.append(curl(url, folder))
        ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
        speed = median(ratios)
        row(
            "upload_all, 400 x 100 KB, 50 ms, 16 at once",
            f"{median(ours):.2f} s",
            f"curl {median(theirs):.2f} s",
            f"{speed:.2f}",
            ">= 0.95",
            speed >= 0.95,
        )
        (slow,) = measured("python_gyazo", url, folder)
        times = slow / median(ours)
        row(
            "the same",
            f"{median(ours):.2f} s",
            f"python-gyazo {slow:.1f} s",
            f"{times:.1f}",
            ">= 15",
            times >= 15,
        )
        small = median([measured("upload_all", url, few)[0] for _ in range(ROUNDS)])
        row(
            "grows with the work (40 to 400)",
            f"{small:.2f} s",
            f"{median(ours):.2f} s",
            f"x {median(ours) / small:.1f}",
            "<= 10",
            median(ours) / small <= 10.5,
        )


def single():
    with served(0) as url:
        for size, name in ((100 * KB, "100 KB"), (1000 * KB, "1 MB")):
            with files(2, size) as folder:
                rounds = [measured("one", url, folder, 300) for _ in range(3)]
            ours, bare = (median(numbers) for numbers in zip(*rounds, strict=True))
            row(
                f"one upload of {name} on a warm session, no delay",
                f"{ours * 1000:.2f} ms",
                f"httpx.Client {bare * 1000:.2f} ms",
                f"{ours / bare:.2f}",
                "<= 1.10",
                ours / bare <= 1.1,
            )


def reading():
    with served(0.05, 10_000) as url, served(0.05, 1000) as fewer:
        seconds, found = measured("images", url)
        peer, _ = measured("python_gyazo_images", url)
        row(
            f"reading {found:.0f} images' metadata, 50 ms a page",
            f"{seconds:.2f} s",
            f"python-gyazo {peer:.2f} s",
            f"{peer / seconds:.1f}",
            ">= 5",
            peer / seconds >= 5,
        )
        small, _ = measured("images", fewer)
        row(
            "grows with the work (1,000 to 10,000)",
            f"{small:.2f} s",
            f"{seconds:.2f} s",
            f"x {seconds / small:.1f}",
            "<= 10",
            seconds / small <= 10.5,
        )


def loading():
    ours, peer = [], []
    measured("load_ext", "")  # compiles
    for _ in range(9):
        ours += measured("load_ext", "")
        peer += measured("heavy", "")
    a, b = median(ours), median(peer)
    row("%load_ext gyazo_nb", f"{a * 1000:.0f} ms", "", "", "<= 30 ms", a <= 0.03)
    row(
        "the same",
        f"{a * 1000:.0f} ms",
        f"ipywidgets+httpx {b * 1000:.0f} ms",
        f"{a / b:.2f}",
        "<= 0.10",
        a / b <= 0.1,
    )


def showing():
    if shutil.which("chromium") is None:
        print(
            "%gyazo_login until the panel is on the page: not measured, Chromium is not installed"
        )
        return
    ours, bare = (
        median(rounds)
        for rounds in zip(*(measured("", by="page.py") for _ in range(3)), strict=True)
    )
    row(
        "%gyazo_login until the panel is on the page",
        f"{ours * 1000:.0f} ms",
        f"bare VBox {bare * 1000:.0f} ms",
        f"{ours / bare:.2f}",
        "<= 1.25",
        ours / bare <= 1.25,
    )


def holding():
    with served(0) as url:
        peaks = []
        for number in (10, 100):
            with files(number, 10 * MB) as folder:
                peaks += measured("memory", url, folder)
    for number, peak in zip(("100 MB", "1 GB"), peaks, strict=True):
        row(
            f"peak memory of {number} of files through upload_all",
            f"{peak / MB:.0f} MB",
            "above a warm session",
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
    row("what", "gyazo_nb", "peer", "ratio", "goal", reached=True)
    wanted = sys.argv[1:]
    for part in (batches, single, reading, loading, showing, holding):
        if not wanted or part.__name__ in wanted:
            part()


if __name__ == "__main__":
    main()
