"""Much at once, with trouble: everything arrives once, in bounded memory, and a kill loses nothing."""

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
print("begun", flush=True)
report = gyazo.upload_all(paths, resume=journal, concurrency=4, progress=False)
print(len(report), flush=True)
"""


@pytest.fixture(autouse=True)
def _many_requests(monkeypatch):
    monkeypatch.setattr("gyazo_nb.sandbox.state.REQUESTS_KEPT", 1_000_000)


def lines(journal):
    """The lengths of what the journal says has arrived; every whole line is readable."""
    whole = journal.read_bytes().split(b"\n")[:-1] if journal.exists() else []
    return [json.loads(line)["image"]["image_id"] for line in whole if line.endswith(b"}")]


@pytest.mark.slow
def test_killed_ten_times_and_resumed(server, tmp_path):
    """Every file is uploaded, none twice: nothing that the journal knows is ever sent again."""
    seed = random.randrange(10**6)
    print("seed", seed)  # noqa: T201 -- to repeat a failure
    moments = random.Random(seed)
    folder, journal = tmp_path / "files", tmp_path / "batch.jsonl"
    folder.mkdir()
    for number in range(150):  # each of its own length, by which the sandbox tells them apart
        (folder / f"{number:03}.png").write_bytes(PNG + b"\0" * number)
    server.sandbox.faults.append(Fault(path="/api/upload", delay=0.03, times=10**6))
    token = server.sandbox.new_token()
    environment = {**os.environ, **server.variables}
    command = [sys.executable, "-c", SCRIPT, token, str(folder), str(journal)]

    def posted():
        return [r for r in server.sandbox.requests if r.path == "/api/upload"]

    killed = 0
    for _ in range(10):
        known, before = set(lines(journal)), len(posted())
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        process.stdout.readline()
        time.sleep(moments.uniform(0.02, 0.25))
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        process.stdout.close()
        time.sleep(0.1)  # what was under way is answered to nobody
        lengths = {i.image_id: len(i.data) for i in server.sandbox.images}
        overhead = min((r.content_length for r in posted()), default=0) - len(PNG)
        sent = Counter(r.content_length - overhead for r in posted()[before:])
        assert not {lengths[image] for image in known} & set(sent)
        assert max(sent.values(), default=1) == 1
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)

    assert killed >= 5
    assert done.stdout.split() == ["begun", "150"]
    assert len(server.sandbox.images) == 150
    assert len(set(lines(journal))) == len(lines(journal)) == 150
    # Sent twice was only what a kill left unconfirmed, at most as many as were under way.
    assert len(posted()) <= 150 + killed * 4
    again = len(posted())
    subprocess.run(command, env=environment, capture_output=True, check=True)
    assert len(posted()) == again


def troubled(sandbox, number):
    """Trouble of every sort, spread over a batch."""
    trouble = random.Random(1)
    for _ in range(number):
        sandbox.faults.append(
            trouble.choice(
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


def upload(gyazo, things):
    report = gyazo.upload_all(things, progress=False)
    for _ in range(20):
        if report.ok:
            break
        report.retry()
    return report


@pytest.mark.slow
def test_five_thousand_small_files_with_trouble(gyazo, server, tmp_path):
    """429s, 5xx and cuts: all arrive, each once."""
    for number in range(5000):
        (tmp_path / f"{number:04}.png").write_bytes(PNG + b"%d" % number)
    troubled(server.sandbox, 400)

    report = upload(gyazo, sorted(tmp_path.iterdir()))

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
def test_a_gigabyte_in_large_files_with_trouble(server, tmp_path):
    """All arrive, each once, and no file is ever whole in memory."""
    block = os.urandom(2**20)
    for number in range(50):
        with (tmp_path / f"{number}.png").open("wb") as file:
            file.write(PNG + b"%d" % number)
            for _ in range(20):
                file.write(block)
    troubled(server.sandbox, 30)
    command = [sys.executable, "-c", MEMORY, server.sandbox.new_token(), str(tmp_path)]

    done = subprocess.run(
        command, env={**os.environ, **server.variables}, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    number, peak = map(int, done.stdout.split())
    assert number == 50
    assert len(server.sandbox.images) == 50
    assert peak <= 64 * 2**20, f"{peak / 2**20:.0f} MB"
