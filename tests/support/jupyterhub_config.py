"""The configuration of the hubs of the tests and of `make hub-demo`: a documented one, made local.

The documented configuration comes first, with the addresses and files of this hub. The rest is what every
hub has already: users, a spawner, ports. The hub of the tests is started with the variable HUB.
"""

import functools
import json
import os
from pathlib import Path

from jupyterhub.services import service
from jupyterhub.spawner import SimpleLocalProcessSpawner

c = get_config()  # noqa: F821 -- JupyterHub defines it
load_subconfig("documented.py")  # noqa: F821

hub = json.loads(os.environ["HUB"])
c.JupyterHub.bind_url = hub["url"]
c.JupyterHub.hub_bind_url = hub["hub_url"]
c.JupyterHub.log_level = "DEBUG"
c.JupyterHub.db_url = "sqlite:///jupyterhub.sqlite"
# A hub that is restarted finds its proxy and the servers of its users.
c.JupyterHub.cleanup_servers = False
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = hub["proxy_url"]
c.ConfigurableHTTPProxy.auth_token = hub["proxy_token"]

c.JupyterHub.services.extend(hub["services"])
c.JupyterHub.load_roles.extend(hub["roles"])
c.Spawner.environment.update(hub["sandbox"])

if "authenticator_class" not in c.JupyterHub:
    c.JupyterHub.authenticator_class = "dummy"
    c.Authenticator.allowed_users = set(hub["users"])


class OwnUserSpawner(SimpleLocalProcessSpawner):
    """Gives each user a uid, which needs no entry in /etc/passwd, if the hub runs as root."""

    def make_preexec_fn(self, name):
        if not hub["own_uids"]:
            return super().make_preexec_fn(name)
        home = Path(self.home_dir)
        uid = hub["users"].get(name, 30_000)

        def become_user():
            home.mkdir(mode=0o700, exist_ok=True)
            os.chown(home, uid, uid)
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            os.chdir(home)

        return become_user


c.JupyterHub.spawner_class = OwnUserSpawner
c.SimpleLocalProcessSpawner.home_dir_template = hub["homes"] + "/{username}"
c.Spawner.cmd = hub["singleuser"]
c.Spawner.args = ["--allow-root", "--LabApp.expose_app_in_browser=True", "--LabApp.news_url="]
c.JupyterHub.allow_named_servers = True
c.JupyterHub.tornado_settings = {
    "slow_spawn_timeout": 0
}  # the API answers before the server is ready
# The hub looks every half minute whether a service has ended. The tests do not wait that long.
service._ServiceSpawner = functools.partial(service._ServiceSpawner, poll_interval=1)
