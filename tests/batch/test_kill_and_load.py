"""Large batches with faults, and kernels that are killed: each picture is uploaded once."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
from support.helpers import PNG

from gyazo_nb.sandbox import Fault

SCRIPT = """
import sys
from pathlib import Path
from gyazo_nb import Gyazo
token, folder, journal = sys.argv[1:]
paths = sorted(Path(folder).glob("*.png"))
gyazo = Gyazo(token)
gyazo.me()
print("started", flush=True)
report = gyazo.upload_all(paths, resume=journal, concurrency=4, progress=False)
print(len(report), flush=True)
"""


def recorded_ids(journal):
    """The ids of the images in the resume file. Every complete line is valid JSON."""
    lines = journal.read_bytes().split(b"\n")[:-1] if journal.exists() else []
    return [json.loads(line)["image"]["image_id"] for line in lines if line.endswith(b"}")]


@pytest.mark.slow
def test_batch_that_is_killed_ten_times_sends_no_recorded_picture_again(server, tmp_path):
    """In the end every file is uploaded once."""
    seed = random.randrange(10**6)
    print("seed", seed)  # noqa: T201 -- to repeat a failure
    moments = random.Random(seed)
    folder, journal = tmp_path / "files", tmp_path / "batch.jsonl"
    folder.mkdir()
    for number in range(150):  # each has another length, which identifies it in a request
        (folder / f"{number:03}.png").write_bytes(PNG + b"\0" * number)
    server.sandbox.faults.append(Fault(path="/api/upload", delay=0.03, times=10**6))
    token = server.sandbox.new_token()
    environment = {**os.environ, **server.variables}
    command = [sys.executable, "-c", SCRIPT, token, str(folder), str(journal)]

    def upload_requests():
        return [r for r in server.sandbox.requests if r.path == "/api/upload"]

    killed, state = 0, server._uvicorn.server_state
    for _ in range(10):
        recorded, before = set(recorded_ids(journal)), len(upload_requests())
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        process.stdout.readline()
        time.sleep(moments.uniform(0.02, 0.25))
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        process.stdout.close()
        time.sleep(0.1)
        while state.tasks or state.connections:  # the sandbox still processes running uploads
            time.sleep(0.01)
        lengths = {i.image_id: len(i.data) for i in server.sandbox.images}
        requests = upload_requests()
        overhead = min((r.content_length for r in requests), default=0) - len(PNG)
        sent = Counter(r.content_length - overhead for r in requests[before:])
        assert not {lengths[image] for image in recorded} & set(sent)
        assert max(sent.values(), default=1) == 1
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)

    assert killed >= 5
    assert done.stdout.split() == ["started", "150"]
    assert len(server.sandbox.images) == 150
    assert len(set(recorded_ids(journal))) == len(recorded_ids(journal)) == 150
    # Only uploads that were running at a kill are sent twice: four at most.
    number = len(upload_requests())
    assert number <= 150 + killed * 4
    subprocess.run(command, env=environment, capture_output=True, check=True)
    assert len(upload_requests()) == number


def add_faults(sandbox, number):
    """Order faults of every kind, spread over a batch."""
    choices = random.Random(1)
    for _ in range(number):
        sandbox.faults.append(
            choices.choice(
                [
                    Fault(status=429, headers={"Retry-After": "0"}, path="/api/upload"),
                    Fault(status=500, path="/api/upload"),
                    Fault(status=503, path="/api/upload"),
                    Fault(cut="request", path="/api/upload"),
                    Fault(cut="reply", path="/api/upload"),
                    *[Fault(path="/api/upload", times=5)] * 5,
                ]
            )
        )


@pytest.mark.slow
def test_five_thousand_small_files_are_uploaded_once_despite_faults(gyazo, server, tmp_path):
    """Replies 429, 500 and 503, and broken connections."""
    for number in range(5000):
        (tmp_path / f"{number:04}.png").write_bytes(PNG + b"%d" % number)
    add_faults(server.sandbox, 400)

    report = gyazo.upload_all(sorted(tmp_path.iterdir()), progress=False)
    for _ in range(20):
        if not report.ok:
            report.retry()

    assert report.ok
    assert len(server.sandbox.images) == len({i.image_id for i in report}) == 5000


MEMORY = """
import resource, sys
from pathlib import Path
from gyazo_nb import Gyazo
gyazo = Gyazo(sys.argv[1])
paths = sorted(Path(sys.argv[2]).iterdir())
gyazo.me()
idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
report = gyazo.upload_all(paths, progress=False)
for _ in range(20):
    if not report.ok:
        report.retry()
print(len(report), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - idle) * 1024)
"""


@pytest.mark.slow
def test_a_gigabyte_of_large_files_needs_64_mb_of_memory(server, tmp_path):
    """Despite faults, each file is uploaded once. No file is read into memory completely."""
    block = os.urandom(2**20)
    for number in range(50):
        with (tmp_path / f"{number}.png").open("wb") as file:
            file.write(PNG + b"%d" % number)
            for _ in range(20):
                file.write(block)
    add_faults(server.sandbox, 30)
    command = [sys.executable, "-c", MEMORY, server.sandbox.new_token(), str(tmp_path)]

    done = subprocess.run(
        command, env={**os.environ, **server.variables}, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    number, peak = map(int, done.stdout.split())
    assert number == 50
    assert len(server.sandbox.images) == 50
    assert peak <= 64 * 2**20, f"{peak / 2**20:.0f} MB"
