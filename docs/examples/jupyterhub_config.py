# Each user signs in to an own Gyazo account. The page JupyterHub of the documentation explains each line.
import sys

c = get_config()  # noqa: F821 -- JupyterHub defines it
c.JupyterHub.services = [
    {
        "name": "gyazo",
        "url": "http://127.0.0.1:10101",
        "command": [sys.executable, "-m", "gyazo_nb.hub"],
        "oauth_no_confirm": True,
        "environment": {
            "GYAZO_CLIENT_ID": "your client id",
            "GYAZO_CLIENT_SECRET_FILE": "/etc/jupyterhub/gyazo_secret",
            "GYAZO_REDIRECT_URI": "https://hub.example.org/services/gyazo/callback",
        },
    }
]
USE_GYAZO = "access:services!service=gyazo"
c.JupyterHub.load_roles = [
    {"name": "user", "scopes": ["self", USE_GYAZO]},
    {"name": "server", "scopes": ["users:activity!user", "access:servers!server", USE_GYAZO]},
]
c.Spawner.environment = {"GYAZO_HUB_SERVICE": "https://hub.example.org/services/gyazo"}
