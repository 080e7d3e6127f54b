"""A pickle of a session holds no token, and pickling never fails for what this package returns."""

import copy
import importlib.util
import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

import pytest
from support import rendering
from support.batches import fail_uploads, pictures
from support.helpers import PNG, skip_missing

from gyazo_nb import (
    ArgumentError,
    BatchError,
    BatchInterruptedError,
    Gyazo,
    NotLoggedInError,
    Retry,
    Timeouts,
)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickled_session_holds_no_token(gyazo, server, protocol):
    """With the token as an argument, after a sign-in, and after use."""
    token = gyazo.account.token.reveal()
    gyazo.upload(PNG)

    data = pickle.dumps(gyazo, protocol)

    assert token.encode() not in data
    with pickle.loads(data) as read:
        assert read.account is None
        with pytest.raises(
            NotLoggedInError, match=r"upload it from the notebook: gyazo.upload_all"
        ):
            read.me()
        read.use_token(server.sandbox.new_token())
        assert read.upload(PNG).image_id


def test_unpickled_session_has_the_arguments_and_the_settings_of_its_process(server, monkeypatch):
    """Addresses that were arguments are kept. Settings and the token come from the environment."""
    first = Gyazo(
        api_url=server.url,
        upload_url=server.url,
        timeout=Timeouts(connect=3),
        retries=Retry(times=1),
    )
    monkeypatch.setenv("GYAZO_AUTH_URL", "https://auth.example.com")
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", server.sandbox.new_token())

    with pickle.loads(pickle.dumps(first)) as read:
        assert read.me().name == "Sandy Box"
        assert read.account.site.api_url == server.url
        assert read.account.site.auth_url == "https://auth.example.com"
        assert read._arguments == first._arguments
        assert pickle.loads(pickle.dumps(read))._arguments == first._arguments


@pytest.mark.slow
def test_session_in_a_process_pool_is_signed_out(gyazo):
    """The function gets a session without a token, and no TypeError."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        shown = pool.submit(rendering.describe, gyazo).result()

    assert shown == "<Gyazo: not signed in, run %gyazo_login>"


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: copy.deepcopy([one])[0]])
def test_copy_of_a_session_is_the_same_object(gyazo, copied):
    """Two sessions with one token would be surprising: a sign-out of one would leave the other."""
    assert copied(gyazo) is gyazo


# ── reports and errors ────────────────────────────────────────────────────────────────────────


def test_pickled_report_keeps_images_and_failures(gyazo, server):
    """Whatever the failed items and their errors are. Its retry names upload_all."""

    class LocalError(Exception):
        pass

    failed = Future()
    failed.set_exception(LocalError("no data"))
    items = [PNG, failed, open(__file__), Path("missing.png"), lambda: 0]  # noqa: SIM115, PTH123
    fail_uploads(server, 1)
    report = gyazo.upload_all([*items, "https://127.0.0.1:1/a.png?key=s3cr3t"], progress=False)
    items[2].close()

    data = pickle.dumps(report)
    read = pickle.loads(data)

    assert gyazo.account.token.reveal().encode() not in data
    assert read.images == report.images
    assert [failure.index for failure in read.failures] == [f.index for f in report.failures]
    assert [str(f) for f in read.failures if f.index != 1] == [
        str(f) for f in report.failures if f.index != 1
    ]
    assert "1: a Future: LocalError: no data" in repr(read)
    assert b"s3cr3t" not in data
    with pytest.raises(ArgumentError, match="call upload_all again"):
        read.retry()
    assert copy.copy(report) is copy.deepcopy(report) is report


@pytest.mark.parametrize("kind", [BatchError, BatchInterruptedError])
def test_errors_of_batches_can_be_unpickled(gyazo, kind):
    """With their report."""
    report = gyazo.upload_all([*pictures(2), b"text"], progress=False)
    if kind is BatchError:
        with pytest.raises(BatchError) as caught:
            report.check()
        error = caught.value
    else:
        error = kind("Stopped after 2 of 3 uploads.", report)

    read = pickle.loads(pickle.dumps(error))

    assert type(read) is kind
    assert str(read) == str(error)
    assert read.report.images == report.images
    assert str(read.report.failures[0]) == str(report.failures[0])


SAVE = """
import dill
from gyazo_nb import Gyazo
gyazo = Gyazo({token!r}, api_url={url!r}, upload_url={url!r}, auth_url={url!r})
report = gyazo.upload_all([{png!r}, b"text"], progress=False)
image, error, failure = report[0], None, report.failures[0]
del Gyazo
dill.dump_module({path!r})
"""
READ = """
import dill
dill.load_module({path!r})
print(repr(gyazo), len(report), image.title, failure)
"""


def test_dill_saves_and_loads_a_session_with_its_variables(server, tmp_path):
    """`dill.dump_module`, once named `dump_session`. The file holds no token."""
    if importlib.util.find_spec("dill") is None:
        skip_missing("dill is not installed: make .venv/dev installs it")
    token, path = server.sandbox.new_token(), tmp_path / "session.pkl"
    values = {"token": token, "url": server.url, "png": PNG, "path": str(path)}
    outputs = [
        subprocess.run(
            [sys.executable, "-c", script.format(**values)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for script in (SAVE, READ)
    ]

    assert token.encode() not in path.read_bytes()
    assert "<Gyazo: not signed in, run %gyazo_login> 1" in outputs[1]
