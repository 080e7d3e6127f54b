"""`python -m gyazo_nb.hub` as a process: its start, and its end."""

import os
import resource
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from support.helpers import free_port
from support.hub_service import service_variables, without_settings


@pytest.fixture
def variables(tmp_path):
    secret = tmp_path / "secret"
    secret.touch(0o600)
    secret.write_text("the-client-secret")
    return without_settings() | service_variables("http://127.0.0.1:1", secret, free_port())


def run(variables, *options):
    command = [sys.executable, "-m", "gyazo_nb.hub", *options]
    return subprocess.Popen(
        command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.slow
def test_wrong_setting_ends_the_start_with_one_sentence(variables):
    """Without a traceback."""
    process = run(variables | {"GYAZO_CLIENT_SECRET": "the-client-secret"})

    _, log = process.communicate(timeout=120)

    assert process.returncode == 1
    assert log.startswith("GYAZO_CLIENT_SECRET must not be set")
    assert log.count("\n") == 1


@pytest.mark.slow
def test_used_port_ends_the_start_with_one_sentence(variables):
    with socket.create_server(("127.0.0.1", 0)) as used:
        variables["GYAZO_HUB_BIND"] = f"127.0.0.1:{used.getsockname()[1]}"
        _, log = (process := run(variables)).communicate(timeout=120)

    assert process.returncode == 1
    assert "cannot listen at 127.0.0.1" in log
    assert "Traceback" not in log


@pytest.mark.parametrize("host", ["host.invalid", "a..b"])
@pytest.mark.slow
def test_address_of_another_machine_ends_the_start_with_one_sentence(variables, host):
    """In Kubernetes, "url" is the name by which the hub's proxy reaches the service."""
    variables["JUPYTERHUB_SERVICE_URL"] = f"http://{host}:10101"
    _, log = (process := run(variables)).communicate(timeout=120)

    assert process.returncode == 1
    assert log.startswith(f"The service cannot listen at {host}:10101")
    assert log.endswith("set GYAZO_HUB_BIND to an address of this machine, like 0.0.0.0:10101.\n")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.slow
def test_signal_ends_the_service_also_if_its_parent_ignores_it(variables, name):
    """A hub that a shell started in the background ignores SIGINT, and so do its services."""
    number = getattr(signal, name)
    previous = signal.signal(number, signal.SIG_IGN)
    try:
        process = run(variables, "--debug")
    finally:
        signal.signal(number, previous)
    _wait_until_it_listens(process)

    os.kill(process.pid, number)
    _, log = process.communicate(timeout=120)

    assert process.returncode == 0
    assert "The service has ended" in log
    assert "Traceback" not in log
    assert "the-token-of-the-service" not in log


@pytest.mark.slow
def test_open_connections_may_exceed_the_soft_limit_of_the_system(variables):
    """Each open panel is a connection, and each connection counts as an open file."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, limits[1]))
    try:
        process = run(variables)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    _wait_until_it_listens(process)
    address = ("127.0.0.1", urlsplit(variables["JUPYTERHUB_SERVICE_URL"]).port)
    with ExitStack() as stack:
        stack.callback(process.terminate)
        for _ in range(80):
            client = stack.enter_context(socket.create_connection(address, timeout=120))
        client.sendall(b"GET /services/gyazo/ HTTP/1.0\r\n\r\n")
        status = client.recv(12)
    process.communicate(timeout=120)

    assert status == b"HTTP/1.1 200"


def _wait_until_it_listens(process):
    for line in process.stderr:
        if "listens" in line:
            return
    raise AssertionError("the service does not start")
