"""A real kernel as a front end sees it: it executes cells, and every message is kept."""

import queue
import sys
import time
from contextlib import suppress

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager
from support.helpers import jupyter_environment, kernel_environment


class KernelClient:
    """One kernel of this ipykernel version, and its messages."""

    def __init__(self, version, home, variables):
        self.published, self.replies = [], {}
        self.subshell_id = None
        self.manager = KernelManager()
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        self.manager._kernel_spec = KernelSpec(argv=argv, language="python")
        environment = jupyter_environment(home) | variables | kernel_environment(version)
        self.manager.start_kernel(env=environment)
        self.client = self.manager.client()
        try:
            self.client.start_channels()
            self.client.wait_for_ready(timeout=60)
        except BaseException:
            self.close()
            raise

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()

    # ── cells ─────────────────────────────────────────────────────────────────────────────────

    def send(self, code, **options):
        """Queue a cell and return the id of its message."""
        return self.client.execute(code, **options)

    def run(self, *cells, **options):
        """Queue all cells at once, as Run All does, and return the status of the last one."""
        return self.wait_for_cells(*[self.send(cell, **options) for cell in cells])[-1]

    def wait_for_cells(self, *sent, seconds=30):
        """Wait until all these cells are finished, and return their statuses."""
        self.wait_until(
            lambda: all(one in self.replies and self._is_idle_after(one) for one in sent), seconds
        )
        return [self.replies[one]["status"] for one in sent]

    def wait_until(self, condition, seconds=30):
        """Read messages until the condition is true."""
        deadline = time.monotonic() + seconds
        while not condition():
            kinds = [message["msg_type"] for message in self.published[-20:]]
            assert time.monotonic() < deadline, (kinds, self.texts())
            with suppress(queue.Empty):
                self.published.append(self.client.get_iopub_msg(timeout=0.05))
            with suppress(queue.Empty):
                reply = self.client.get_shell_msg(timeout=0)
                self.replies[reply["parent_header"].get("msg_id")] = reply["content"]

    def wait_for_text(self, *texts):
        """Wait until one of these texts is in a published message."""
        self.wait_until(lambda: any(text in str(self.published) for text in texts))

    def interrupt(self):
        self.manager.interrupt_kernel()

    def _is_idle_after(self, sent):
        return any(
            message["content"].get("execution_state") == "idle"
            for message in self._published_by(sent)
        )

    # ── outputs ───────────────────────────────────────────────────────────────────────────────

    def printed(self):
        """Everything that was printed."""
        return "".join(m["content"]["text"] for m in self.published if m["msg_type"] == "stream")

    def texts(self, sent=None):
        """Everything that one cell, or any cell, printed or raised, in order."""
        return [
            m["content"].get("text") or m["content"].get("evalue") or m["content"]["ename"]
            for m in (self.published if sent is None else self._published_by(sent))
            if m["msg_type"] in {"stream", "error"}
        ]

    def output_kinds(self, sent):
        """The kinds of the outputs of a cell, in order."""
        return [
            "card" if "<figure" in m["content"]["data"].get("text/html", "") else m["msg_type"]
            for m in self._published_by(sent)
            if "data" in m["content"]
        ]

    def _published_by(self, sent):
        return [m for m in self.published if m["parent_header"].get("msg_id") == sent]

    # ── widgets ───────────────────────────────────────────────────────────────────────────────

    def widget_id(self, model_name):
        """The id of the newest widget of this kind."""
        opened = [m["content"] for m in self.published if m["msg_type"] == "comm_open"]
        return next(
            content["comm_id"]
            for content in reversed(opened)
            if content["data"]["state"].get("_model_name") == model_name
        )

    def wait_for_panel(self):
        """Wait until a waiting cell shows its panel, and a moment longer, as a user does."""
        self.wait_until(lambda: any(m["msg_type"] == "display_data" for m in self.published))
        time.sleep(1.0)

    def open_subshell(self):
        """Open a subshell for the messages of widgets, as JupyterLab does where it can."""
        info = self.client.kernel_info(reply=True, timeout=20)["content"]
        if "kernel subshells" not in info.get("supported_features", ()):
            return
        message = self.client.session.msg("create_subshell_request")
        self.client.control_channel.send(message)
        self.subshell_id = self.client.get_control_msg(timeout=20)["content"].get("subshell_id")

    def update(self, comm_id, **state):
        """Change a widget as a front end does."""
        data = {"method": "update", "state": state, "buffer_paths": []}
        message = self.client.session.msg("comm_msg", {"comm_id": comm_id, "data": data})
        if self.subshell_id:
            message["header"]["subshell_id"] = self.subshell_id
        self.client.shell_channel.send(message)

    def states(self, comm_id):
        """Every state of a widget that the kernel sent, oldest first."""
        return [
            m["content"]["data"].get("state", {})
            for m in self.published
            if m["msg_type"] in {"comm_open", "comm_msg"} and m["content"]["comm_id"] == comm_id
        ]
