"""No secret is in the frames of an error or an interrupt of sign-in, settings and saved tokens.

Tools such as rich and error reporters show the local variables of all frames. Every secret of these tests
contains MARKER, except for `state` and the verifier, which are random.
"""

import contextlib
import getpass
import json
import os
import stat
import sys
import threading
import warnings

import keyring
import pytest
from IPython.utils.capture import capture_output
from keyring.backend import KeyringBackend
from support.frames import Interrupt, leaks
from support.scripted_server import scripted_server

from gyazo_nb import App, Gyazo, GyazoError, Secret, Site
from gyazo_nb.auth import oauth, paste, token_store
from gyazo_nb.auth.token_store import FileStore, KeyringStore, Profile
from gyazo_nb.notebook import prompt
from gyazo_nb.notebook.panel import Panel
from gyazo_nb.secret import hides_frames
from gyazo_nb.settings import Settings, access_token

MARKER = "M4RK3R"
TOKEN = f"token-{MARKER}"
CLIENT_SECRET = f"client-secret-{MARKER}"
CODE = f"code-{MARKER}"
REDIRECT_URI = "http://127.0.0.1:8765/callback"
NO_SERVER = "http://127.0.0.1:1"
USER = {"user": {"uid": "1", "name": "A", "email": "a@example.com"}}


def error_of(action):
    try:
        action()
    except BaseException as error:  # noqa: BLE001 -- the subject of the tests
        return error
    pytest.fail("no error was raised")


def secrets_of(login):
    if login is None:
        return [MARKER]
    authorization = login._authorization
    return [MARKER, authorization.state.reveal(), authorization.verifier.reveal()]


def assert_no_leak(error, login=None):
    assert leaks(error, secrets_of(login)) == []


# ── the search itself ──────────────────────────────────────────────────────────────────────────────


def plain_local(text):
    shown = text  # noqa: F841 -- found by the search
    hides_frames(int)(Secret("x"))


def plain_container(text):
    shown = {"a": [(text.encode(),)]}  # noqa: F841
    hides_frames(int)(Secret("x"))


def plain_closure(text):
    shown = lambda: text  # noqa: E731, F841
    hides_frames(int)(Secret("x"))


def plain_generator(text):
    def generate():
        held = text
        yield
        yield held

    shown = generate()
    next(shown)
    hides_frames(int)(Secret("x"))


def plain_context(text):
    try:
        text.encode().decode("utf-16-be").encode("ascii")
    except UnicodeError:
        hides_frames(int)(Secret("x"))


@pytest.mark.parametrize(
    "leaking", [plain_local, plain_container, plain_closure, plain_generator, plain_context]
)
def test_the_search_finds_a_plain_secret(leaking, monkeypatch):
    """As if the test were a part of the package."""
    monkeypatch.setattr("support.frames.PACKAGE", os.path.dirname(__file__))  # noqa: PTH120

    assert leaks(error_of(lambda: leaking(f"{MARKER}\ud800")), [MARKER])


def test_an_unexpected_error_is_replaced_by_its_class_and_line():
    """Its own text may contain the secret."""

    @hides_frames
    def read(secret):
        text = secret.reveal()
        return text.encode().decode("ascii")

    error = error_of(lambda: read(Secret(f"{MARKER}é")))

    assert_no_leak(error)
    assert isinstance(error, RuntimeError)
    assert "UnicodeDecodeError in " in str(error)
    assert "report this as a bug" in str(error)


# ── settings and tokens ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("ask", [lambda g: g.me(), lambda g: g.account, lambda g: g.upload(b"")])
@pytest.mark.parametrize("value", ["Bearer {}", "{} {}", "{}é", "{}\x00", "{}\ud800"])
def test_wrong_token_variable(ask, value, monkeypatch):
    if "\x00" in value:
        value = value.replace("\x00", "\x01")  # the system allows no zero byte
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", value.replace("\ud800", "\udc80").format(TOKEN, TOKEN))
    with Gyazo() as gyazo:
        assert_no_leak(error_of(lambda: ask(gyazo)))


@pytest.mark.parametrize(
    "token", [f"Bearer {TOKEN}", TOKEN.encode(), [TOKEN], {"token": TOKEN}, f"{TOKEN}\ud800"]
)
@pytest.mark.parametrize(
    "use",
    [Gyazo, access_token, lambda token: Gyazo().use_token(token)],
    ids=["constructor", "access_token", "use_token"],
)
def test_refused_token(use, token):
    error = error_of(lambda: use(token))

    assert isinstance(error, GyazoError)
    assert_no_leak(error)


@pytest.mark.parametrize(
    "options",
    [{"api_url": "http://example.com"}, {"timeout": "x"}, {"retries": -1}, {"token_in": "cookie"}],
)
def test_token_with_another_wrong_argument(options):
    assert_no_leak(error_of(lambda: Gyazo(TOKEN, **options).me()))


@pytest.mark.parametrize(
    "make",
    [
        lambda: App("", CLIENT_SECRET),
        lambda: App("", client_secret=CLIENT_SECRET, redirect_uri=REDIRECT_URI),
        lambda: App("id", CLIENT_SECRET, "not an address"),
        lambda: App("id", CLIENT_SECRET, "http://[::1"),
        lambda: App("id", CLIENT_SECRET.encode(), REDIRECT_URI),
        lambda: App("id", [CLIENT_SECRET], REDIRECT_URI),
        lambda: oauth.begin(Site(), App("id", CLIENT_SECRET)),
        lambda: Gyazo(auth_url="http://example.com").login(App("id", CLIENT_SECRET, REDIRECT_URI)),
        lambda: Secret(CLIENT_SECRET.encode()),
    ],
)
def test_wrong_application(make):
    assert_no_leak(error_of(make))


@pytest.mark.parametrize("variable", ["GYAZO_CLIENT_SECRET", "MY_SECRET"])
@pytest.mark.parametrize(
    "others",
    [
        {},
        {"client_id": "id", "redirect_uri": "x"},
        {"client_id": "id"},
        {"client_id": "id", "redirect_uri": REDIRECT_URI, "api_url": "http://example.com"},
    ],
)
def test_client_secret_of_the_environment_beside_another_wrong_setting(
    variable, others, monkeypatch
):
    monkeypatch.setenv(variable, CLIENT_SECRET)
    settings = Settings({"client_secret_variable": variable, **others}.get)
    with Gyazo(settings=settings) as gyazo:
        assert_no_leak(error_of(gyazo.login))


@pytest.mark.parametrize(
    "content", [f"{CLIENT_SECRET}é".encode("latin-1"), CLIENT_SECRET.encode("utf-16"), None]
)
def test_unreadable_client_secret_file(content, tmp_path):
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    settings = Settings({"client_id": "id", "client_secret_file": str(path)}.get)

    assert_no_leak(error_of(settings.app))


# ── saved tokens ───────────────────────────────────────────────────────────────────────────────────

DAMAGED = {
    "torn": json.dumps({"access_token": TOKEN, "site": {}})[:-3],
    "another shape": json.dumps([TOKEN]),
    "no site": json.dumps({"access_token": TOKEN}),
    "wrong site": json.dumps({"access_token": TOKEN, "site": {"api_url": "http://example.com"}}),
    "unknown field": json.dumps({"access_token": TOKEN, "site": {"x": TOKEN}}),
    "two words": json.dumps({"access_token": f"a {TOKEN}", "site": {}}),
    "nested": json.dumps(TOKEN) + "[" * 100_000,
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_damaged_token_file(text, tmp_path):
    (tmp_path / "default.json").write_text(text)
    (tmp_path / "default.json").chmod(0o600)

    assert_no_leak(error_of(lambda: FileStore(tmp_path).load("default")))


def test_token_file_in_another_encoding(tmp_path):
    (tmp_path / "default.json").write_bytes(f"{TOKEN}é".encode("latin-1"))
    (tmp_path / "default.json").chmod(0o600)

    assert_no_leak(error_of(lambda: FileStore(tmp_path).load("default")))


def test_token_file_that_other_users_can_read(tmp_path):
    FileStore(tmp_path).save("default", Profile(Secret(TOKEN), Site()))
    (tmp_path / "default.json").chmod(0o644)

    assert_no_leak(error_of(lambda: FileStore(tmp_path).load("default")))


def test_token_that_cannot_be_written(tmp_path):
    """A file is where the folder of the tokens should be."""
    (tmp_path / "file").touch()
    store = FileStore(tmp_path / "file")

    assert_no_leak(error_of(lambda: store.save("default", Profile(Secret(TOKEN), Site()))))


def test_token_with_half_a_surrogate_pair_cannot_be_written(tmp_path, monkeypatch):
    """The error of the encoder contains the text."""
    monkeypatch.setattr(json, "dumps", lambda value: value["access_token"])

    assert_no_leak(
        error_of(lambda: FileStore(tmp_path).save("a", Profile(Secret(f"{TOKEN}\ud800"), Site())))
    )


class MemoryKeyring(KeyringBackend):
    """A keyring for one test."""

    priority = 1

    def __init__(self):
        super().__init__()
        self.passwords = {}

    def get_password(self, service, username):
        return self.passwords.get((service, username))

    def set_password(self, service, username, password):
        self.passwords[service, username] = password

    def delete_password(self, service, username):
        del self.passwords[service, username]


@pytest.fixture
def memory_keyring(monkeypatch):
    """Replace the keyring of the package `keyring`."""
    monkeypatch.setattr("keyring.core._keyring_backend", MemoryKeyring())
    return keyring.get_keyring()


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_damaged_entry_in_the_keyring(text, memory_keyring):
    memory_keyring.passwords["gyazo_nb", "default"] = text

    assert_no_leak(error_of(lambda: KeyringStore().load("default")))


@pytest.mark.parametrize("kind", [ValueError, OSError, KeyError])
@pytest.mark.parametrize(
    "use",
    [
        lambda store: store.load("default"),
        lambda store: store.clear("default"),
        lambda store: store.save("default", Profile(Secret(TOKEN), Site())),
    ],
    ids=["load", "clear", "save"],
)
def test_keyring_whose_error_contains_the_entry(kind, use, memory_keyring):
    def fail(*_):
        held = f"entry {TOKEN}"
        raise kind(held)

    memory_keyring.get_password = memory_keyring.set_password = memory_keyring.delete_password = (
        fail
    )

    assert_no_leak(error_of(lambda: use(KeyringStore())))


def test_keyring_that_cannot_remove_an_entry(memory_keyring):
    def fail(*_):
        held = TOKEN
        raise ValueError(held)

    KeyringStore().save("default", Profile(Secret(TOKEN), Site()))
    memory_keyring.delete_password = fail

    assert_no_leak(error_of(lambda: KeyringStore().clear("default")))


def test_keyring_that_is_late(memory_keyring, monkeypatch):
    monkeypatch.setattr(token_store, "KEYRING_TIMEOUT", 0.05)
    gate = threading.Event()
    memory_keyring.set_password = lambda *_: gate.wait(20)
    error = error_of(lambda: KeyringStore().save("a", Profile(Secret(TOKEN), Site())))
    try:
        assert_no_leak(error)
    finally:
        gate.set()


# ── finish ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def sign_in():
    """Begin a sign-in at a server with the given replies of the token endpoint and of users/me."""
    servers = []

    def begin(token_reply=(200, {}, {"access_token": TOKEN}), me_reply=(200, {}, USER), **options):
        def reply(method, path):
            return token_reply if path.startswith("/oauth/token") else me_reply

        server = scripted_server(reply)
        url, _ = server.__enter__()
        servers.append(server)
        gyazo = Gyazo(auth_url=url, api_url=url, upload_url=url, **options)
        return gyazo.login(App("id", CLIENT_SECRET, REDIRECT_URI))

    yield begin
    for server in servers:
        server.__exit__(None, None, None)


def address_of(login):
    return Secret(f"{REDIRECT_URI}?code={CODE}&state={login._authorization.state.reveal()}")


PASTES = {
    "bytes": CODE.encode(),
    "None and a container": [CODE, None],
    "mapping": {"code": CODE},
    "empty": "",
    "no code": f"é{CODE}",
    "a sentence": f"the code is {CODE}, I think",
    "other state": f"{REDIRECT_URI}?code={CODE}&state=x{MARKER}",
    "no state": f"{REDIRECT_URI}?code={CODE}",
    "other page": f"https://example.com/?code={CODE}",
    "broken address": f"http://[::1?code={CODE}",
    "broken encoding": f"{REDIRECT_URI}?code=%ff{CODE}",
    "half a surrogate pair": f"{REDIRECT_URI}?code=\ud800{CODE}",
    "denied": f"{REDIRECT_URI}?error=access_denied&error_description={MARKER}",
    "another error": f"{REDIRECT_URI}?error={MARKER}",
    "two codes": f"{REDIRECT_URI}?code={CODE}&code={CODE}",
    "client secret": CLIENT_SECRET,
    "too long": CODE * 3000,
}


@pytest.mark.parametrize("kind", [lambda text: text, Secret.or_none], ids=["plain", "Secret"])
@pytest.mark.parametrize("text", PASTES.values(), ids=PASTES)
def test_refused_paste(sign_in, text, kind):
    login = sign_in()
    pasted = kind(text)

    assert_no_leak(error_of(lambda: login.finish(pasted)), login)


@pytest.mark.parametrize("moment", ["cancelled", "late", "finished"])
def test_paste_into_a_closed_sign_in(sign_in, moment):
    login = sign_in()
    address = address_of(login).reveal()
    if moment == "cancelled":
        login.cancel()
    elif moment == "late":
        login._began -= oauth.LIFETIME + 1
    else:
        login.finish(address)

    assert_no_leak(error_of(lambda: login.finish(address)), login)


EXCHANGES = {
    "code refused": (400, {}, {"error": "invalid_grant", "error_description": f"{CODE} is old"}),
    "application refused": (401, {}, {"error": "invalid_client", "message": CLIENT_SECRET}),
    "request refused": (400, {}, {"error": "invalid_request", "extra": TOKEN}),
    "error with status 200": (200, {}, {"error": "invalid_grant", "x": CODE}),
    "server error": (500, {}, {"error": CODE, "access_token": TOKEN}),
    "server error as text": (502, {}, f"{CODE} and {CLIENT_SECRET}".encode()),
    "too many requests": (429, {"Retry-After": "1"}, {"message": CODE}),
    "redirect": (302, {"Location": f"https://example.com/?code={CODE}"}, b""),
    "not found": (404, {}, f"<h1>{TOKEN}</h1>".encode()),
    "not JSON": (200, {}, f'{{"access_token": "{TOKEN}"'.encode()),
    "not UTF-8": (200, {}, f'{{"access_token": "{TOKEN}é"}}'.encode("latin-1")),
    "nested": (200, {}, f'{{"access_token": "{TOKEN}", "a": {"[" * 100_000}'.encode()),
    "a list": (200, {}, [TOKEN]),
    "no token": (200, {}, {"token": TOKEN}),
    "token is a list": (200, {}, {"access_token": [TOKEN]}),
    "token has a blank": (200, {}, {"access_token": f"a {TOKEN}"}),
    "other token type": (200, {}, {"access_token": TOKEN, "token_type": "mac"}),
    "odd token type": (200, {}, {"access_token": TOKEN, "token_type": [TOKEN]}),
    "broken compression": (200, {"Content-Encoding": "gzip"}, TOKEN.encode()),
    "other compression": (200, {"Content-Encoding": "br"}, TOKEN.encode()),
}


@pytest.mark.parametrize("reply", EXCHANGES.values(), ids=EXCHANGES)
def test_failed_exchange(sign_in, reply):
    login = sign_in(reply)
    address = address_of(login)

    assert_no_leak(error_of(lambda: login.finish(address)), login)


@pytest.mark.parametrize(
    "reply",
    [
        (401, {}, {"message": TOKEN}),
        (500, {}, {"message": TOKEN}),
        (200, {}, f'{{"user": "{TOKEN}"'.encode()),
        (200, {}, [TOKEN]),
        (302, {"Location": f"https://example.com/?access_token={TOKEN}"}, b""),
    ],
)
@pytest.mark.parametrize("token_in", ["header", "parameter"])
def test_failed_request_for_the_user(sign_in, reply, token_in):
    login = sign_in(me_reply=reply, token_in=token_in)
    address = address_of(login)
    error = error_of(lambda: login.finish(address))

    assert_no_leak(error, login)
    assert_no_leak(error_of(lambda: login._connection.use_token(Secret(TOKEN), **USE)), login)


USE = {"site": None, "switch": False, "source": "a test"}


def test_other_account(sign_in):
    login = sign_in()
    login.finish(address_of(login))
    gyazo_login = login._connection.login(
        App("id", CLIENT_SECRET, REDIRECT_URI), None, switch=False
    )
    address = address_of(gyazo_login)
    gyazo_login._site = Site(NO_SERVER, NO_SERVER, NO_SERVER)

    assert_no_leak(error_of(lambda: gyazo_login.finish(address)), gyazo_login)


@pytest.mark.parametrize("token_in", ["header", "parameter"])
def test_no_network(token_in):
    urls = dict.fromkeys(("auth_url", "api_url", "upload_url"), NO_SERVER)
    with Gyazo(**urls, token_in=token_in) as gyazo:
        assert_no_leak(error_of(lambda: gyazo.use_token(TOKEN)))
        login = gyazo.login(App("id", CLIENT_SECRET, REDIRECT_URI))
        address = address_of(login)
        assert_no_leak(error_of(lambda: login.finish(address)), login)
        assert_no_leak(error_of(login.finish), login)


# ── the prompt ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", [KeyboardInterrupt, EOFError, getpass.GetPassWarning, ValueError])
def test_prompt_that_ends_while_the_paste_is_read(kind, monkeypatch):
    """The frames of the library hold what has been typed so far."""

    def read(question):
        typed = f"{REDIRECT_URI}?code={CODE}"
        try:
            int(typed)
        except ValueError:
            raise kind(typed) from None

    monkeypatch.setattr(getpass, "getpass", read)

    assert_no_leak(error_of(lambda: prompt.ask("?")))


def test_prompt_without_a_terminal_that_hides_the_text(monkeypatch):
    def read(question):
        typed = CODE
        warnings.warn(f"shown: {typed}", getpass.GetPassWarning, stacklevel=1)

    monkeypatch.setattr(getpass, "getpass", read)

    assert_no_leak(error_of(lambda: prompt.ask("?")))


@pytest.mark.parametrize("text", ["", f"no code: {MARKER}"])
def test_prompt_with_useless_texts(sign_in, text, monkeypatch):
    login = sign_in()
    monkeypatch.setattr(getpass, "getpass", lambda question: text)

    assert_no_leak(error_of(lambda: prompt.sign_in(login, lambda: None)), login)


@pytest.mark.parametrize("typed", [f"Bearer {TOKEN}", TOKEN, KeyboardInterrupt])
def test_magic_with_a_typed_token(typed, shell, monkeypatch):
    def read(question):
        if isinstance(typed, str):
            return typed
        held = TOKEN
        raise typed(held)

    monkeypatch.setattr(getpass, "getpass", read)
    monkeypatch.setenv("GYAZO_API_URL", NO_SERVER)
    shell.run_line_magic("load_ext", "gyazo_nb")

    assert_no_leak(error_of(lambda: shell.run_line_magic("gyazo_login", "--token")))


def test_magic_with_a_pasted_address(shell, monkeypatch):
    monkeypatch.setattr(getpass, "getpass", lambda question: f"{REDIRECT_URI}?code={CODE}")
    for name, value in {
        "GYAZO_AUTH_URL": NO_SERVER,
        "GYAZO_CLIENT_ID": "id",
        "GYAZO_CLIENT_SECRET": CLIENT_SECRET,
        "GYAZO_REDIRECT_URI": REDIRECT_URI,
    }.items():
        monkeypatch.setenv(name, value)
    shell.run_line_magic("load_ext", "gyazo_nb")

    assert_no_leak(error_of(lambda: shell.run_line_magic("gyazo_login", "--mode prompt")))


# ── interrupts ─────────────────────────────────────────────────────────────────────────────────────


# An interrupt between the opening of a file and its `with` leaves the file to the garbage collector.
ignore_unclosed_files = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


def assert_no_leak_at_any_line(start, *, entry=None, files=""):
    """Interrupt an action at each line of this package that it executes, or at those of one file.

    `start` returns the action, and its sign-in or None. `entry` is the name of a function that receives a
    plain text: it hides the text in its first line.
    """
    for _ in range(2):  # the first run imports modules and fills caches
        action, _ = start()
        with Interrupt() as counted:
            action()
    # In a loop, the last time.
    last = {line: n for n, line in enumerate(counted.lines) if files in line[0]}
    assert last
    for n in last.values():
        action, login = start()
        with Interrupt(n) as interrupt:
            try:
                action()
            except KeyboardInterrupt as error:
                raised = error
            else:
                continue  # this run executed fewer lines, because it waited less often
        assert sys.exc_info() == (None, None, None)
        entries = {line for line in interrupt.lines if line[2] == entry}
        if entry is None or len(entries) > 1:
            found = leaks(raised, secrets_of(login))
            assert found == [], f"interrupted before {interrupt.lines[n]}"


@pytest.fixture
def session():
    """A session with a server that accepts every code and token."""

    def reply(method, path):
        data = {"access_token": TOKEN} if path.startswith("/oauth/token") else USER
        return 200, {}, data

    with (
        scripted_server(reply) as (url, _),
        Gyazo(auth_url=url, api_url=url, upload_url=url) as gyazo,
    ):
        yield gyazo


@ignore_unclosed_files
@pytest.mark.parametrize("plain", [False, True], ids=["Secret", "str"])
@pytest.mark.slow
def test_interrupt_at_any_line_of_finish(session, plain):
    def start():
        login = session.login(App("id", Secret(CLIENT_SECRET), REDIRECT_URI))
        address = address_of(login).reveal() if plain else address_of(login)
        return (lambda: login.finish(address)), login

    if plain:
        assert_no_leak_at_any_line(start, entry="finish", files="login.py")
    else:
        assert_no_leak_at_any_line(start)


@ignore_unclosed_files
@pytest.mark.parametrize("plain", [False, True], ids=["Secret", "str"])
def test_interrupt_at_any_line_of_use_token(session, plain):
    def start():
        token = TOKEN if plain else Secret(TOKEN)
        return (lambda: session.use_token(token)), None

    assert_no_leak_at_any_line(start, entry="use_token" if plain else None)


@ignore_unclosed_files
@pytest.mark.parametrize("plain", [False, True], ids=["Secret", "str"])
def test_interrupt_at_any_line_of_the_constructor(plain):
    token = TOKEN if plain else Secret(TOKEN)

    assert_no_leak_at_any_line(
        lambda: ((lambda: Gyazo(token)), None), entry="__init__" if plain else None
    )


def no_error(action):
    def act():
        with contextlib.suppress(GyazoError):
            action()

    return lambda: (act, None)


@ignore_unclosed_files
def test_interrupt_at_any_line_of_the_settings(monkeypatch, tmp_path):
    monkeypatch.setenv("GYAZO_CLIENT_SECRET", CLIENT_SECRET)
    (tmp_path / "secret").write_text(CLIENT_SECRET)
    given = {"client_id": "id", "redirect_uri": REDIRECT_URI}
    for more in ({}, {"client_secret_file": str(tmp_path / "secret")}, {"redirect_uri": "x"}):
        assert_no_leak_at_any_line(no_error(Settings({**given, **more}.get).app))
    for token in (TOKEN, f"Bearer {TOKEN}"):
        monkeypatch.setenv("GYAZO_ACCESS_TOKEN", token)
        assert_no_leak_at_any_line(no_error(Settings().token))
    assert_no_leak_at_any_line(no_error(lambda: access_token(Secret(f"'{TOKEN}'"))))
    login_settings = Settings(given.get)
    assert_no_leak_at_any_line(no_error(lambda: Gyazo(settings=login_settings).login()))


@pytest.mark.parametrize("text", [None, DAMAGED["torn"], DAMAGED["wrong site"]])
@ignore_unclosed_files
def test_interrupt_at_any_line_of_a_token_file(text, tmp_path):
    store, profile = FileStore(tmp_path), Profile(Secret(TOKEN), Site())
    store.save("default", profile)
    if text is not None:
        (tmp_path / "default.json").write_text(text)
    assert stat.S_IMODE((tmp_path / "default.json").stat().st_mode) == 0o600

    assert_no_leak_at_any_line(no_error(lambda: store.load("default")))
    assert_no_leak_at_any_line(no_error(lambda: store.save("other", profile)))


@pytest.mark.parametrize("text", [None, DAMAGED["torn"]])
@ignore_unclosed_files
def test_interrupt_at_any_line_of_a_keyring(text, memory_keyring):
    store, profile = KeyringStore(), Profile(Secret(TOKEN), Site())
    store.save("default", profile)
    if text is not None:
        memory_keyring.passwords["gyazo_nb", "default"] = text

    assert_no_leak_at_any_line(no_error(lambda: store.load("default")))
    assert_no_leak_at_any_line(no_error(lambda: store.save("other", profile)))


@pytest.mark.parametrize("typed", [CODE, "", f"é{CODE}"])
@ignore_unclosed_files
def test_interrupt_at_any_line_of_the_prompt(typed, session, monkeypatch):
    monkeypatch.setattr(getpass, "getpass", lambda question: typed)
    monkeypatch.setattr(prompt, "MAX_ATTEMPTS", 2)

    def start():
        login = session.login(App("id", Secret(CLIENT_SECRET), REDIRECT_URI))
        action, _ = no_error(lambda: prompt.sign_in(login, lambda: None))()
        return action, login

    for file in ("prompt.py", "secret.py", "login.py"):
        assert_no_leak_at_any_line(start, files=file)


@pytest.mark.parametrize("text", [CODE, f"é{CODE}", f"{REDIRECT_URI}?code={CODE}"])
@ignore_unclosed_files
def test_interrupt_at_any_line_of_reading_a_paste(text):
    pasted, state = Secret(text), Secret(f"state-{MARKER}")
    secrets = (Secret(CLIENT_SECRET), Secret(TOKEN))

    def read():
        paste.read(
            pasted, redirect_uri=REDIRECT_URI, state=state, not_codes=(state,), secrets=secrets
        )

    address = Secret(f"{REDIRECT_URI}?code={CODE}&state={state.reveal()}")

    assert_no_leak_at_any_line(no_error(read))
    assert_no_leak_at_any_line(no_error(lambda: paste.is_redirect_of(address, state)))


@pytest.mark.usefixtures("shell")
@pytest.mark.slow
def test_interrupt_at_any_line_of_showing_a_panel(session):
    """The link contains the `state`."""
    panels = []

    def start():
        login = session.login(App("id", Secret(CLIENT_SECRET), "https://example.com/callback"))
        panels.append(Panel(login))
        return panels[-1].show, login

    with capture_output():
        for file in ("panel.py", "messages.py", "secret.py", "oauth.py"):
            assert_no_leak_at_any_line(start, files=file)
        for panel in panels:
            panel.close()
