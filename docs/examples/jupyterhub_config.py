# Users sign in to their own Gyazo accounts. The page "JupyterHub" of the documentation explains each line.
import sys

service = {"name": "gyazo", "url": "http://127.0.0.1:10101"}
service["oauth_no_confirm"] = True
service["command"] = [sys.executable, "-m", "gyazo_nb.hub"]
service["environment"] = {
    "GYAZO_CLIENT_ID": "your client id",
    "GYAZO_CLIENT_SECRET_FILE": "/etc/jupyterhub/gyazo_secret",
    "GYAZO_REDIRECT_URI": "https://hub.example.org/services/gyazo/callback",
}
c.JupyterHub.services.append(service)
use_gyazo = "access:services!service=gyazo"
user = {"name": "user", "scopes": ["self", use_gyazo]}
server = {"name": "server", "scopes": ["users:activity!user", "access:servers!server", use_gyazo]}
c.JupyterHub.load_roles.extend([user, server])
c.Spawner.environment.update({"GYAZO_HUB_SERVICE": "https://hub.example.org/services/gyazo"})
