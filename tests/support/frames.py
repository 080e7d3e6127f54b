"""Finds secrets in the local variables of the frames of an error, as an error reporter would."""

import dis
import linecache
import re
import sys
import types
from collections import deque
from pathlib import Path

import httpx
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from ipywidgets import Widget

import gyazo_nb
from gyazo_nb import Secret
from gyazo_nb.sandbox import Server

PACKAGE = str(Path(gyazo_nb.__file__).parent)
SANDBOX = str(Path(PACKAGE) / "sandbox")
TESTS = str(Path(__file__).parents[1])

# A `Secret` may hold the text. The sandbox is the other side. The shell, its publisher and the widgets hold
# the cells of the user and the link that the user sees, which contains the `state`. The pool of an
# interrupted client of httpx may hold its last request, deep inside: no tool shows these objects.
_NOT_SEARCHED = (
    Secret,
    Server,
    InteractiveShell,
    DisplayPublisher,
    Widget,
    httpx.Client,
    types.ModuleType,
    type,
)
# Of objects with attributes, frames, generators, coroutines, methods, partial functions and closures.
_ATTRIBUTES = (
    "__dict__",
    "f_locals",
    "gi_frame",
    "cr_frame",
    "ag_frame",
    "__self__",
    "func",
    "args",
    "keywords",
)
_CONTAINERS = (list, tuple, set, frozenset, deque)


def leaks(error, secrets):
    """Each place in the frames of an error, and of the errors before it, that holds one of `secrets`."""
    search = _Search(secrets)
    search.error(error, type(error).__name__)
    return search.found


def _frames(traceback):
    """The frames of this package and below. Those above belong to the user."""
    frames = []
    while traceback is not None:
        frames.append(traceback.tb_frame)
        traceback = traceback.tb_next
    files = [frame.f_code.co_filename for frame in frames]
    ours = (n for n, file in enumerate(files) if file.startswith(PACKAGE))
    not_tests = (n for n, file in enumerate(files) if not file.startswith(TESTS))
    below = frames[next(ours, next(not_tests, len(frames))) :]
    return [frame for frame in below if frame.f_code is not Interrupt._on_line.__code__]


class _Search:
    def __init__(self, secrets):
        self._texts = [secret for secret in secrets if secret]
        self._bytes = [secret.encode("utf-8", "surrogatepass") for secret in self._texts]
        self._seen = {}  # the objects too, so that no other object gets the same id
        self.found = []

    def error(self, error, path):
        for frame in _frames(error.__traceback__):
            name = f"{path}: {Path(frame.f_code.co_filename).name}:{frame.f_lineno} {frame.f_code.co_name}"
            for variable, value in frame.f_locals.items():
                self.value(value, f"{name}: {variable}")
                self._shown(value, f"{name}: repr({variable})")
        self.value(error.args, f"{path}.args")
        self.value(vars(error), f"{path}.__dict__")
        for link in ("__cause__", "__context__"):
            self.value(getattr(error, link), f"{path}.{link}")

    def value(self, value, path):
        if isinstance(value, str):
            if any(secret in value for secret in self._texts):
                self.found.append(path)
        elif isinstance(value, bytes | bytearray | memoryview):
            if any(secret in bytes(value) for secret in self._bytes):
                self.found.append(path)
        elif not isinstance(value, (*_NOT_SEARCHED, int, float)) and id(value) not in self._seen:
            self._seen[id(value)] = value
            for name, part in _parts(value):
                self.value(part, f"{path}{name}")
            if isinstance(value, BaseException):
                self.error(value, path)

    def _shown(self, value, path):
        if isinstance(value, _NOT_SEARCHED):
            return
        try:
            shown = repr(value)
        except Exception:  # noqa: BLE001 -- a broken repr shows nothing
            return
        self.value(shown, path)


def _parts(value):
    """The objects that an object refers to, with the way to each."""
    if isinstance(value, dict | types.MappingProxyType):
        items = tuple(value.items())
        return [(" key", key) for key, _ in items] + [
            (f"[{key!r:.40}]", item) for key, item in items
        ]
    if isinstance(value, _CONTAINERS):
        return [("[…]", item) for item in tuple(value)]
    if isinstance(value, types.CellType):
        return [] if value == types.CellType() else [("", value.cell_contents)]
    if isinstance(value, types.TracebackType):
        return [(".frame", frame) for frame in _frames(value)]
    return [
        *((f".{name}", getattr(value, name, None)) for name in _ATTRIBUTES),
        *((" closure", cell) for cell in getattr(value, "__closure__", None) or ()),
        *((f".{slot}", getattr(value, slot, None)) for slot in _slots(type(value))),
    ]


def _slots(kind):
    for base in kind.__mro__:
        slots = vars(base).get("__slots__", ())
        yield from (slots,) if isinstance(slots, str) else slots


_TAKES_A_LOCK = re.compile(r"^\s*with\b.*lock\b")
_END_OF_EXCEPT = dis.opmap["POP_EXCEPT"]


class Interrupt:
    """Raises KeyboardInterrupt before a line of this package is executed: the `n`-th one, in this thread.

    Without `n`, it only counts: `lines` are the lines that are executed. Two places do not
    count, because a real interrupt cannot come there, and a traced one would break a lock or the state of
    the interpreter: the end of a `with` block before it releases its lock, and the end of an `except` block.
    """

    def __init__(self, n=None):
        self._n = n
        self.lines = []

    def __enter__(self):
        self._before = sys.gettrace()
        sys.settrace(self._on_call)
        return self

    def __exit__(self, *_):
        sys.settrace(self._before)

    def _on_call(self, frame, event, argument):
        file = frame.f_code.co_filename
        if not file.startswith(PACKAGE) or file.startswith(SANDBOX):
            return None
        return self._on_line

    def _on_line(self, frame, event, argument):
        if event == "line" and not self._is_impossible(frame):
            self.lines.append((frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name))
            if len(self.lines) - 1 == self._n:
                raise KeyboardInterrupt
        return self._on_line

    @staticmethod
    def _is_impossible(frame):
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
        return _TAKES_A_LOCK.match(line) or frame.f_code.co_code[frame.f_lasti] == _END_OF_EXCEPT
