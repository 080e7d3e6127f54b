"""A hub to which its users sign in with Gyazo, as documented."""

import httpx
from support.jupyterhub_driver import ACCOUNTS, redirect_of


def test_a_user_signs_in_to_the_hub_with_gyazo_and_has_the_token_in_the_server(gyazo_login_hub):
    """The name on the hub comes from the account. The client secret is in no process of the user."""
    hub = gyazo_login_hub
    name = f"gyazo-{ACCOUNTS['bob'].uid}"
    with httpx.Client(follow_redirects=True, timeout=30) as browser:
        consent = browser.get(f"{hub.url}/hub/oauth_login")
        assert str(consent.url).startswith(f"{hub.sandbox.url}/oauth/authorize")
        home = browser.get(redirect_of(str(consent.url), "bob"))
        assert home.url.path.startswith(("/hub/", f"/user/{name}"))

    hub.start_servers(name)
    kernel = hub.start_kernel(name)
    assert "Bob" in kernel.run("%load_ext gyazo_nb\n%gyazo_login")
    kernel.close()

    environments = [process.environ() for process in hub.find_processes(JUPYTERHUB_USER=name)]
    token = environments[0]["GYAZO_ACCESS_TOKEN"]
    assert hub.secret not in str(environments)
    for path in (hub.root / "hub.log", hub.root / "jupyterhub.sqlite"):
        assert hub.secret.encode() not in path.read_bytes()
        assert token.encode() not in path.read_bytes()
