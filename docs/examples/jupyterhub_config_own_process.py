# As jupyterhub_config.py, but systemd or a container runs the service: see gyazo-hub.service.
service = {"name": "gyazo", "url": "http://127.0.0.1:10101"}
service["oauth_no_confirm"] = True
service["oauth_redirect_uri"] = "/services/gyazo/oauth_callback"
with open("/etc/jupyterhub/gyazo_api_token") as file:
    service["api_token"] = file.read().strip()
c.JupyterHub.services.append(service)
use_gyazo = "access:services!service=gyazo"
user = {"name": "user", "scopes": ["self", use_gyazo]}
server = {"name": "server", "scopes": ["users:activity!user", "access:servers!server", use_gyazo]}
c.JupyterHub.load_roles.extend([user, server])
c.Spawner.environment.update({"GYAZO_HUB_SERVICE": "https://hub.example.org/services/gyazo"})
