"""`jupyter nbconvert --to gyazo notebook.ipynb`, and "Gyazo" in the export menu of JupyterLab.

Guarantees:

- The export never asks for input. It uses the token of the environment, or a saved one, and fails with one
  sentence before the first upload if it finds none.
- If one picture cannot be uploaded, nbconvert writes no file.
- No trait is a secret, and no log line, text or resume file holds a token.
- Importing this module starts no IPython.
"""

from __future__ import annotations

import logging
import textwrap
from pathlib import Path
from typing import Any, NoReturn, cast

from jupyter_core.application import JupyterApp
from nbconvert.exporters import Exporter, MarkdownExporter
from traitlets import Unicode, default
from traitlets.config import Application, Config

from gyazo_nb.auth.profiles import Profiles
from gyazo_nb.client import cosense
from gyazo_nb.client.gyazo import Gyazo
from gyazo_nb.client.notebook_file import Draft, Notation
from gyazo_nb.client.publication import SUFFIXES
from gyazo_nb.errors import (
    ConfigError,
    GyazoError,
    NotLoggedInError,
    StoppedError,
    UnauthorizedError,
    did_you_mean,
)
from gyazo_nb.settings import AccessPolicy, Settings

from .credentials import CredentialResolver
from .login_options import LoginOptions

_SIGN_IN = (
    "set GYAZO_ACCESS_TOKEN to a token, or save one in a notebook with  %gyazo_login --save file  and "
    "export again."
)


class GyazoExporter(MarkdownExporter):
    """Exports to Markdown whose pictures are on Gyazo."""

    export_from_notebook = "Gyazo"

    # Not an Enum: a wrong value would break the list of all exporters in a server.
    access_policy = Unicode(
        help="Who can see the images: anyone (who has the link) or only_me. Default: the setting, or that "
        "of Gyazo.",
    ).tag(config=True)
    collection_id = Unicode(help="A collection that you own or have joined.").tag(config=True)
    title = Unicode(
        help="The title of each image. Default: the text that describes the picture in the notebook."
    ).tag(config=True)
    notation = Unicode(
        "markdown", help="The notation of the text: markdown (.md) or cosense (.txt)."
    ).tag(config=True)
    profile = Unicode(
        help="The saved account to use (%gyazo_login --save --profile NAME). Default: the token in "
        "GYAZO_ACCESS_TOKEN, or else the account that is saved without a name."
    ).tag(config=True)
    resume = Unicode(
        help="A file that records the uploads: after a failure, the next export uploads only the rest."
    ).tag(config=True)

    @default("file_extension")
    def _file_extension_default(self) -> str:
        return SUFFIXES.get(self.notation, "")

    @property
    def default_config(self) -> Config:
        """The preprocessors of the Markdown exporter, without those that write pictures to files."""
        off = {"enabled": False}
        config = Config(super().default_config)
        config.merge({"ExtractOutputPreprocessor": off, "ExtractAttachmentsPreprocessor": off})
        return config

    def from_notebook_node(  # type: ignore[override]  # a text, as in TemplateExporter
        self, nb: Any, resources: Any = None, **kw: Any
    ) -> tuple[str, dict[str, Any]]:
        """Upload the pictures of a notebook, and return its text."""
        try:
            # Without the Markdown template of nbconvert: its code blocks can hide the pictures below.
            nb, resources = Exporter.from_notebook_node(self, nb, resources, **kw)
            return self._published(nb, resources["metadata"]), resources
        except (GyazoError, StoppedError) as error:
            self._fail(error)

    def _published(self, nb: Any, metadata: Any) -> str:
        self._check_options()
        if self.template_name != "markdown":
            raise ConfigError("--to gyazo has no templates: leave out --template.")
        if self.notation not in SUFFIXES:
            raise ConfigError(
                f"GyazoExporter.notation is markdown or cosense, not {self.notation!r}."
            )
        if self.notation == "cosense":
            cosense.check_installed()
            self.output_mimetype = "text/plain"
        folder = Path(metadata["path"] or ".") if "path" in metadata else None
        draft = Draft(self._shown(nb), folder)
        for note in draft.notes:
            self.log.warning("[gyazo] %s", note)
        images = []
        if draft.pictures:
            with Gyazo() as session:
                self._sign_in(session)
                self.log.info("[gyazo] %s", draft.summary)
                report = session.upload_all(
                    draft.items,
                    progress=self.log.isEnabledFor(logging.INFO),
                    resume=self.resume or None,
                    title=self.title or draft.title_of,
                    access_policy=cast("AccessPolicy | None", self.access_policy or None),
                    collection_id=self.collection_id or None,
                )
            draft.check(report, self._retry)
            images = report.images
            if who := ", ".join(dict.fromkeys(i.who_can_see for i in images if i.who_can_see)):
                self.log.info("[gyazo] Who can see the images: %s.", who)
        return draft.text(images, cast("Notation", self.notation))

    def _check_options(self) -> None:
        """Refuse a misspelled option: without it, a picture that was to be private would be public."""
        for section in self.config:
            if section.startswith("Gyazo") and section not in {"GyazoExporter", "GyazoMagics"}:
                raise ConfigError(
                    f"{section} is not the exporter: write GyazoExporter before the option."
                )
        names = self.trait_names(config=True)
        for name in self.config.get("GyazoExporter", {}):
            if name not in names:
                question = did_you_mean(name, names)
                raise ConfigError(
                    f"GyazoExporter has no option {name}{f': {question}' if question else '.'}"
                )

    def _shown(self, nb: Any) -> Any:
        """The notebook without the parts that nbconvert's options exclude, such as --no-input."""
        excluded = {
            "code": self.exclude_code_cell,
            "markdown": self.exclude_markdown,
            "raw": self.exclude_raw,
        }
        nb["cells"] = [cell for cell in nb["cells"] if not excluded.get(cell["cell_type"])]
        for cell in nb["cells"]:
            # Set for the tags of TagRemovePreprocessor.remove_input_tags.
            without_source = cell["metadata"].get("transient", {}).get("remove_source")
            if without_source or (cell["cell_type"] == "code" and self.exclude_input):
                cell["source"] = ""
            if self.exclude_output:
                cell.pop("outputs", None)
        return nb

    def _sign_in(self, session: Gyazo) -> None:
        """Sign in with an existing token, or say how to get one."""
        options = LoginOptions(profile=self.profile or None)
        if self.profile and Profiles().load(self.profile) is None:
            raise NotLoggedInError(
                f"No account is saved as {self.profile}: save it in a notebook with  %gyazo_login --save "
                f"file --profile {self.profile}  and export again."
            )
        try:
            found = CredentialResolver(session, Settings()).resolve(options, required=True)
        except UnauthorizedError as error:
            reason = str(error).partition(": ")[0]
            raise NotLoggedInError(f"{reason}: {_SIGN_IN}") from None
        if found.user is None:
            raise NotLoggedInError(f"You are not signed in to Gyazo: {_SIGN_IN}")
        for warning in found.warnings:
            self.log.warning("[gyazo] %s", warning)
        self.log.info("[gyazo] Signed in as %s, by %s.", found.user.called, found.source)

    @property
    def _retry(self) -> str:
        if self.resume:
            return "Export again: only the rest is uploaded."
        return (
            "Export again to retry. With --GyazoExporter.resume=FILE.jsonl, the export after a failure "
            "uploads only the rest."
        )

    def _fail(self, error: GyazoError | StoppedError) -> NoReturn:
        """Show one sentence: in a terminal instead of a traceback, in a server as the error page."""
        from nbconvert.nbconvertapp import NbConvertApp  # noqa: PLC0415 -- it imports this module

        sentence = str(error)
        app = Application.instance() if Application.initialized() else None
        if isinstance(app, NbConvertApp):
            if isinstance(error, StoppedError):
                sentence = f"{sentence.partition('.')[0]}, so no file was written. {self._retry}"
            self.log.error("[gyazo] %s", sentence)
            raise SystemExit(1)
        if isinstance(app, JupyterApp):  # the error page of a server does not wrap a line
            wrapped = textwrap.wrap(sentence, 100, break_long_words=False, break_on_hyphens=False)
            error.args = ("\n".join(wrapped), *error.args[1:])
        raise error
