"""A traceback in a notebook shows no secret, also with `%xmode Verbose`."""

import pytest
from IPython.utils.capture import capture_output
from support.helpers import PNG

from gyazo_nb import Secret
from gyazo_nb.sandbox import Fault


@pytest.mark.slow
def test_verbose_traceback_of_a_call_shows_no_token(shell, server, monkeypatch, tmp_path):
    """It prints arguments and local variables, in which secrets are masked, and hides our frames."""
    token = server.sandbox.new_token()
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", token)
    monkeypatch.setenv("GYAZO_API_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("GYAZO_UPLOAD_URL", server.url)
    shell.run_line_magic("load_ext", "gyazo_nb")
    shell.run_line_magic("xmode", "Verbose")
    (tmp_path / "a.png").write_bytes(PNG)
    with capture_output() as captured:
        shell.run_cell("gyazo.me()")
        shell.run_cell("gyazo.upload(5)")
        shell.run_cell(f"gyazo.upload({str(tmp_path / 'a.png')!r}, title=5)")
        # The size of this file is 0, but it has content.
        shell.run_cell("gyazo.upload('/proc/self/cmdline')")
        shell.run_cell(
            "try:\n    gyazo.me()\nexcept Exception as error:\n    raise ValueError('x') from error"
        )

    assert "ConnectionFailedError" in captured.stdout
    assert "PictureError" in captured.stdout
    assert token not in captured.stdout
    assert "ArgumentError" in captured.stdout
    assert captured.stdout.rstrip().endswith(": x")


def test_verbose_traceback_around_a_sign_in_shows_no_secret(shell, server, app, user, monkeypatch):
    """An error of the user's code that is raised from ours prints our frames, too, with masks."""
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    shell.run_line_magic("load_ext", "gyazo_nb")
    shell.run_line_magic("xmode", "Verbose")
    login = shell.user_ns["login"] = shell.user_ns["gyazo"].login()
    shell.user_ns["address"] = Secret(user.authorize(login.url))
    authorization = login._authorization
    server.sandbox.faults += [
        Fault(status=200, body={"access_token": "t0ken", "token_type": "mac"}, path="/oauth/token"),
        Fault(status=400, body={"error": "invalid_request"}, path="/oauth/token"),
    ]
    code = "try:\n    login.finish({})\nexcept Exception as error:\n    raise ValueError('x') from error"
    with capture_output() as captured:
        shell.run_cell(code.format("address"))
        shell.run_cell(code.format("address"))
        shell.run_cell(code.format("gyazo.__class__ and address"))
    secrets = {
        "code": shell.user_ns["address"].reveal().partition("code=")[2].partition("&")[0],
        "token": "t0ken",
        "state": authorization.state.reveal(),
        "verifier": authorization.verifier.reveal(),
        "client secret": app.secret.reveal(),
    }

    assert "UnreadableReplyError" in captured.stdout
    assert "TokenRequestError" in captured.stdout
    assert not [name for name, secret in secrets.items() if secret in captured.stdout]
