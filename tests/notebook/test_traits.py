"""The settings as traits of `GyazoMagics`."""

import pytest
from IPython.utils.capture import capture_output
from traitlets import TraitError

from gyazo_nb import ConfigError
from gyazo_nb.notebook.traits import unknown_variables


def test_config_shows_no_secret(shell, monkeypatch):
    """%config prints every trait, and no trait is a secret."""
    monkeypatch.setenv("GYAZO_CLIENT_SECRET", "s3cr3t")
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", "t0ken")
    shell.run_line_magic("load_ext", "gyazo_nb")
    with capture_output() as captured:
        shell.run_line_magic("config", "GyazoMagics")

    assert "client_secret_variable" in captured.stdout
    assert "s3cr3t" not in captured.stdout
    assert "t0ken" not in captured.stdout


def test_traits_override_the_environment(shell, monkeypatch):
    """A trait that is set with %config comes before its variable."""
    monkeypatch.setenv("GYAZO_CLIENT_ID", "from the environment")
    monkeypatch.setenv("MY_SECRET", "s3cr3t")
    monkeypatch.setenv("GYAZO_REDIRECT_URI", "http://127.0.0.1:8765/callback")
    shell.run_line_magic("load_ext", "gyazo_nb")
    shell.run_line_magic("config", "GyazoMagics.client_id = 'from a trait'")
    shell.run_line_magic("config", "GyazoMagics.client_secret_variable = 'MY_SECRET'")

    app = shell.magics_manager.registry["GyazoMagics"].settings.app()

    assert (app.client_id, app.secret.reveal()) == ("from a trait", "s3cr3t")


def test_access_policy_is_checked_when_it_is_set(shell, monkeypatch, caplog):
    """In a file of IPython, in the environment, and with %config, which keeps the value from before."""
    monkeypatch.setenv("GYAZO_ACCESS_POLICY", "private")
    with pytest.raises(ConfigError, match="GYAZO_ACCESS_POLICY must be anyone or only_me"):
        shell.run_line_magic("load_ext", "gyazo_nb")
    monkeypatch.delenv("GYAZO_ACCESS_POLICY")
    shell.config.GyazoMagics.access_policy = "private"
    with pytest.raises(TraitError, match=r"access_policy.*only_me"):
        shell.run_line_magic("load_ext", "gyazo_nb")
    shell.config.GyazoMagics.access_policy = "only_me"
    shell.run_line_magic("load_ext", "gyazo_nb")

    shell.run_line_magic("config", "GyazoMagics.access_policy = 'private'")

    assert "'access_policy' trait" in caplog.text
    assert shell.magics_manager.registry["GyazoMagics"].settings.access_policy() == "only_me"


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("GYAZO_CLIENTID", "GYAZO_CLIENT_ID"),
        ("GYAZO_CLIENT_SECERT", "GYAZO_CLIENT_SECRET"),
        ("GYAZO_REDIRECT_URL", "GYAZO_REDIRECT_URI"),
        ("GYAZO_TOKEN", "GYAZO_ACCESS_TOKEN"),
        ("GYAZO_SECRET", "GYAZO_CLIENT_SECRET"),
        ("GYAZO_CALLBACK_URL", ""),
        ("GYAZO_KEY", ""),
    ],
)
def test_similar_setting_of_an_unknown_variable_is_found(monkeypatch, variable, meant):
    """The common prefix is not compared. A variable that is like no setting gets no question."""
    monkeypatch.setenv(variable, "s3cr3t")

    assert unknown_variables()[variable] == (f"did you mean {meant}?" if meant else "")
