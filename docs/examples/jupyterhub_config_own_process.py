# As jupyterhub_config.py, but systemd or a container runs the service: see gyazo-hub.service.
c = get_config()  # noqa: F821 -- JupyterHub defines it
with open("/etc/jupyterhub/gyazo_api_token") as file:
    api_token = file.read().strip()
c.JupyterHub.services = [
    {
        "name": "gyazo",
        "url": "http://127.0.0.1:10101",
        "api_token": api_token,
        "oauth_redirect_uri": "/services/gyazo/oauth_callback",
        "oauth_no_confirm": True,
    }
]
USE_GYAZO = "access:services!service=gyazo"
c.JupyterHub.load_roles = [
    {"name": "user", "scopes": ["self", USE_GYAZO]},
    {"name": "server", "scopes": ["users:activity!user", "access:servers!server", USE_GYAZO]},
]
c.Spawner.environment = {"GYAZO_HUB_SERVICE": "https://hub.example.org/services/gyazo"}
