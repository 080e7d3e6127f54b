"""The settings of the service: each wrong one ends the start with one sentence."""

import json
import os

import pytest
from support.hub_service import service_variables

from gyazo_nb.hub.configuration import Configuration, ConfigurationError


@pytest.fixture
def variables(tmp_path):
    """The variables of a service that starts."""
    secret = tmp_path / "secret"
    secret.touch(0o600)
    secret.write_text("the-client-secret\n")
    return service_variables("http://127.0.0.1:8081", secret)


def refusal(variables):
    with pytest.raises(ConfigurationError) as caught:
        Configuration.from_environment(variables)
    assert "\n" not in str(caught.value)
    assert "the-client-secret" not in str(caught.value)
    return str(caught.value)


def test_all_settings_are_read(variables):
    configuration = Configuration.from_environment(variables)

    assert configuration.read_secret() == "the-client-secret"
    assert (configuration.host, configuration.port) == ("127.0.0.1", 10101)
    assert configuration.prefix == "/services/gyazo/"
    assert configuration.access_scopes == {"access:services!service=gyazo"}
    assert "the-token-of-the-service" not in repr(configuration)


def test_without_an_address_of_gyazo_the_real_one_is_used(variables):
    del variables["GYAZO_AUTH_URL"]

    assert Configuration.from_environment(variables).auth_url == "https://api.gyazo.com"


@pytest.mark.parametrize(
    "name",
    [
        "GYAZO_CLIENT_ID",
        "GYAZO_CLIENT_SECRET_FILE",
        "GYAZO_REDIRECT_URI",
        "JUPYTERHUB_API_TOKEN",
        "JUPYTERHUB_API_URL",
        "JUPYTERHUB_BASE_URL",
        "JUPYTERHUB_CLIENT_ID",
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES",
        "JUPYTERHUB_SERVICE_PREFIX",
        "JUPYTERHUB_SERVICE_URL",
    ],
)
def test_missing_setting_is_named(variables, name):
    del variables[name]

    assert refusal(variables).startswith(name)


def test_secret_in_the_environment_is_refused_with_the_reason(variables):
    variables["GYAZO_CLIENT_SECRET"] = "the-client-secret"

    assert refusal(variables) == (
        "GYAZO_CLIENT_SECRET must not be set: the hub keeps the environment of its services in its "
        "database. Put the secret into a file that only the hub's user can read, and name it in "
        "GYAZO_CLIENT_SECRET_FILE."
    )


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o660])
def test_file_that_others_can_read_is_refused(variables, tmp_path, mode):
    (tmp_path / "secret").chmod(mode)

    assert refusal(variables) == (
        f"{tmp_path}/secret can be read by others ({mode:04o}): chmod 600 it."
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_file_of_another_user_is_refused(variables, tmp_path):
    os.chown(tmp_path / "secret", 12345, 12345)

    assert "belongs to another user" in refusal(variables)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "does not contain a client secret"),
        (b"two words", "does not contain a client secret"),
        (b"\xff\xfe", "does not contain a client secret"),
    ],
)
def test_file_without_a_secret_is_refused(variables, tmp_path, content, sentence):
    (tmp_path / "secret").write_bytes(content)

    assert sentence in refusal(variables)


def test_missing_file_and_folder_are_refused(variables, tmp_path):
    variables["GYAZO_CLIENT_SECRET_FILE"] = str(tmp_path / "missing")
    assert "cannot be read (No such file or directory)" in refusal(variables)

    variables["GYAZO_CLIENT_SECRET_FILE"] = str(tmp_path)
    assert "cannot be read" in refusal(variables)


def test_named_pipe_does_not_stop_the_start(variables, tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    variables["GYAZO_CLIENT_SECRET_FILE"] = str(tmp_path / "pipe")

    assert "is not a file" in refusal(variables)


@pytest.mark.parametrize("scopes", ["", "[]", "{}", "access:services", "[1]", '"x"'])
def test_missing_scopes_refuse_to_start(variables, scopes):
    """Without scopes, JupyterHub's own check would let every user and service in."""
    variables["JUPYTERHUB_OAUTH_ACCESS_SCOPES"] = scopes

    assert "it says which users may use this service" in refusal(variables)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("GYAZO_CLIENT_ID", "two words", "contains blanks or unusual characters"),
        ("GYAZO_REDIRECT_URI", "http://hub.example.org/services/gyazo/callback", "must use https"),
        (
            "GYAZO_REDIRECT_URI",
            "https://hub.example.org/callback",
            "must end with /services/gyazo/",
        ),
        (
            "GYAZO_REDIRECT_URI",
            "hub.example.org/services/gyazo/callback",
            "must begin with https://",
        ),
        ("GYAZO_REDIRECT_URI", "https://u:p@h/services/gyazo/callback", "without user, ? or #"),
        ("GYAZO_REDIRECT_URI", "https://h/services/gyazo/callback?a=b", "without user, ? or #"),
        ("GYAZO_REDIRECT_URI", "https://h:99999/services/gyazo/callback", "is not a URL"),
        ("GYAZO_AUTH_URL", "http://api.gyazo.com", "must use https"),
        ("GYAZO_AUTH_URL", "ftp://api.gyazo.com", "must begin with https://"),
        ("JUPYTERHUB_API_URL", "127.0.0.1:8081/hub/api", "must be the address of the hub's API"),
        ("JUPYTERHUB_API_URL", "http://127.0.0.1:8081", "must be the address of the hub's API"),
        ("JUPYTERHUB_BASE_URL", "jupyter", "must be the path of the hub"),
        ("JUPYTERHUB_BASE_URL", "/jupyter/", "must be the path of the hub"),
        ("JUPYTERHUB_CLIENT_ID", "gyazo", "must begin with service-"),
        ("JUPYTERHUB_HOST", "hub.example.org", "must be an address without a path"),
        ("JUPYTERHUB_SERVICE_URL", "http://127.0.0.1", "with a host and a port"),
        ("JUPYTERHUB_SERVICE_URL", "https://127.0.0.1:10101", "must be http://"),
        ("JUPYTERHUB_SERVICE_PREFIX", "services/gyazo", "begins and ends with /"),
        ("GYAZO_HUB_BIND", "everywhere", "must be an address of this machine and a port"),
        ("GYAZO_HUB_BIND", "0.0.0.0:10101/x", "must be an address of this machine and a port"),
    ],
)
def test_wrong_setting_is_named_with_its_remedy(variables, name, value, sentence):
    variables[name] = value

    refused = refusal(variables)

    assert refused.startswith(name)
    assert sentence in refused
    assert "u:p" not in refused


def test_redirect_to_the_host_of_a_hub_with_subdomains_is_refused(variables):
    """There, each service has its own host, and the hub's proxy knows no other address."""
    own = "https://gyazo--service.hub.example.org"
    variables["JUPYTERHUB_OAUTH_CALLBACK_URL"] = f"{own}/services/gyazo/oauth_callback"
    variables["GYAZO_REDIRECT_URI"] = "https://hub.example.org/services/gyazo/callback"
    assert refusal(variables).startswith(f"GYAZO_REDIRECT_URI must begin with {own}, the address")

    variables["GYAZO_REDIRECT_URI"] = f"{own}/services/gyazo/callback"

    assert (
        Configuration.from_environment(variables).redirect_uri == f"{own}/services/gyazo/callback"
    )


def test_address_to_listen_at_can_be_another_than_that_of_the_proxy(variables):
    """In Kubernetes, the hub's proxy knows the service by a name."""
    variables["JUPYTERHUB_SERVICE_URL"] = "http://gyazo-hub:10101"
    variables["GYAZO_HUB_BIND"] = "[::]:10102"

    configuration = Configuration.from_environment(variables)

    assert (configuration.host, configuration.port) == ("::", 10102)


def test_several_scopes_are_read(variables):
    scopes = ["access:services", "access:services!service=gyazo"]
    variables["JUPYTERHUB_OAUTH_ACCESS_SCOPES"] = json.dumps(scopes)

    assert Configuration.from_environment(variables).access_scopes == set(scopes)
