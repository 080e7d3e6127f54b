"""`make hub-demo`: a real JupyterHub with two users, the sandbox and the service of gyazo_nb.hub.

All files are in a temporary folder, which is deleted at the end.
"""

import signal
import sys
import tempfile
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from support.jupyterhub_driver import (
    ACCOUNTS,
    JupyterHub,
    missing_part,
    reason_for_one_uid,
)

from gyazo_nb.sandbox import Application, Sandbox, serve

METADATA = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
CELLS = [
    new_markdown_cell("# Sign in to Gyazo on a JupyterHub\n\nRun the cells one after the other."),
    new_code_cell("%load_ext gyazo_nb"),
    new_markdown_cell(
        "Click the link, choose an account, and allow access. The panel goes on by itself."
    ),
    new_code_cell("%gyazo_login"),
    new_code_cell(
        """import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(6, 3))
ax.plot([1.0, 0.46, 0.27, 0.19, 0.15, 0.13], marker="o")
plt.close(fig)
gyazo.upload(fig, title="Loss curve")"""
    ),
    new_markdown_cell("Your server has no client secret:"),
    new_code_cell("import os\n\n[name for name in os.environ if name.startswith('GYAZO_')]"),
]


def main():
    if reason := missing_part():
        sys.exit(reason)
    # Both signals: a shell disables Ctrl-C for a process that it starts in the background.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="gyazo-hub-") as folder:
        hub = JupyterHub(Path(folder))
        sandbox = Sandbox([Application(redirect_uris=(hub.redirect_uri,))], ACCOUNTS.values())
        with serve(sandbox) as server:
            hub.configure(server)
            for user in ACCOUNTS:
                notebook = nbformat.writes(new_notebook(cells=CELLS, metadata=METADATA))
                hub.write_in_home(user, "gyazo.ipynb", notebook)
            try:
                hub.start()
                print(instructions(hub, server), flush=True)  # noqa: T201 -- its purpose
                signal.pause()
            except KeyboardInterrupt:
                print("The hub stops.")  # noqa: T201 -- its purpose
            finally:
                hub.stop()


def instructions(hub, server):
    uid_note = reason_for_one_uid()
    return "\n".join(
        [
            "",
            f"1. Open {hub.url} and sign in as alice, with any password.",
            "2. Open gyazo.ipynb, and run its cells. Click the link of %gyazo_login, choose an account, and allow access.",
            "3. Go back to the notebook: it is signed in. You pasted no code, and your server has no client secret.",
            f"4. Open {hub.url} in a private window, sign in as bob, and do the same with the other account.",
            "",
            f"Gyazo is the sandbox here: {server.url} shows the pictures of both users.",
            f"Log of the hub and of the service: {hub.root}/hub.log",
            f"Documented configuration: docs/examples/{hub.example}",
            *([f"Both users have the same uid: {uid_note}."] if uid_note else []),
            "Ctrl-C stops everything.",
        ]
    )


if __name__ == "__main__":
    main()
