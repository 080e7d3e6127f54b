"""Two users of a real JupyterHub sign in to Gyazo, and attack each other and the service.

All tests of a version share one hub. Most send the requests of a kernel with the token of a real server;
the first ones use JupyterLab in Chromium, and real kernels.
"""

from collections import Counter
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import httpx
import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import expect
from support.helpers import BrowserUser, skip_missing
from support.jupyterhub_driver import (
    ACCOUNTS,
    USERS,
    allow,
    readable_memory_contains,
    reason_for_one_uid,
    redirect_of,
)
from support.jupyterlab_driver import Notebook

SERVICE = "/services/gyazo"


@pytest.fixture
def own_uids():
    """Skip where the users have the same uid."""
    if reason := reason_for_one_uid():
        skip_missing(reason)


def code_in(reply):
    """The code in the address that the service hands to a kernel."""
    return parse_qs(reply.json()["query"])["code"][0]


def error_in(reply):
    return reply.json()["error"]


def signed_in_user(reply, hub):
    """The name of the Gyazo account whose token the service handed to a kernel."""
    token = reply.raise_for_status().json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{hub.sandbox.url}/api/users/me", headers=headers).json()["user"]["name"]


def complete(kernel, browser, user, hub):
    """Sign in from the kernel of a user in the browser of the same user."""
    sign_in = kernel.begin()
    waiting = kernel.wait(sign_in)
    page = allow(browser, sign_in.link, user)
    assert "Back to your notebook" in page.text
    reply = kernel.exchange(code_in(waiting.result()), sign_in.verifier)
    assert signed_in_user(reply, hub) == ACCOUNTS[user].name
    return reply


# ── a user signs in ──────────────────────────────────────────────────────────────────────────────


def test_two_users_sign_in_from_jupyterlab_without_a_paste(hub, chromium):
    """Both panels are open at the same time. Each user allows access with another Gyazo account."""
    notebooks = {user: open_notebook_of(user, hub, chromium) for user in USERS}
    for notebook in notebooks.values():
        notebook.run(0)
        notebook.run(1)
        expect(notebook.link(1)).to_be_visible()
        expect(notebook.output(1).get_by_role("textbox")).to_have_count(0)
    for user, notebook in notebooks.items():
        with notebook.page.context.expect_page() as opening:
            notebook.link(1).click()
        tab = opening.value
        tab.get_by_text(ACCOUNTS[user].name).click()
        tab.get_by_role("button", name="Allow", exact=True).click()
        expect(tab.get_by_text("Back to your notebook")).to_be_visible()
        assert "code=" not in tab.url
        assert "state=" not in tab.url
    for user, notebook in notebooks.items():
        expect(
            notebook.output(1).get_by_text(f"Signed in as {ACCOUNTS[user].name}")
        ).to_be_visible()
        expect(notebook.run(2)).to_contain_text(ACCOUNTS[user].email)
    for notebook in notebooks.values():
        assert "state=" not in notebook.save()
        notebook.page.context.close()


def open_notebook_of(user, hub, chromium):
    page = chromium.new_context(viewport={"width": 1200, "height": 900}).new_page()
    page.goto(f"{hub.url}/hub/login")
    page.get_by_label("Username").fill(user)
    page.get_by_label("Password").fill("any")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{hub.url}/user/{user}/**")
    cells = ["%load_ext gyazo_nb", "%gyazo_login", "gyazo.account.user.email"]
    path = hub.write_in_home(user, f"{user}.ipynb", notebook_of(cells))
    return Notebook(page, SimpleNamespace(url=f"{hub.url}/user/{user}"), path).open()


def notebook_of(cells):
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    cells = [new_code_cell(cell) for cell in cells]
    return nbformat.writes(new_notebook(cells=cells, metadata=metadata))


def test_a_waiting_cell_ends_when_the_user_has_allowed_access(hub, kernel, browser):
    """`%gyazo_login --wait`, then `await gyazo.ready()`, in the kernel of bob."""
    bob, tab = kernel("bob"), browser("bob")
    link = bob.begin_sign_in()
    allow(tab, link, "bob")

    assert "Bob Example" in bob.run("await gyazo.ready()")


def test_two_sign_ins_of_a_kernel_end_in_the_other_order(hub, kernel_side, browser):
    alice, tab = kernel_side("alice"), browser("alice")
    first, second = alice.begin(), alice.begin()
    waiting = [alice.wait(first), alice.wait(second)]

    allow(tab, second.link, "alice")
    reply = alice.exchange(code_in(waiting[1].result()), second.verifier)
    assert signed_in_user(reply, hub) == "Alice Example"

    allow(tab, first.link, "alice")
    reply = alice.exchange(code_in(waiting[0].result()), first.verifier)
    assert signed_in_user(reply, hub) == "Alice Example"


def test_a_kernel_of_a_named_server_signs_in_until_its_server_stops(hub, kernel_side, browser):
    """At the same time as a kernel of the first server of the same user."""
    hub.start_servers("alice/lab")
    one, two, tab = kernel_side("alice"), kernel_side("alice/lab"), browser("alice")
    first, second = one.begin(), two.begin()
    waiting = [one.wait(first), two.wait(second)]
    allow(tab, second.link, "alice")
    allow(tab, first.link, "alice")
    assert signed_in_user(one.exchange(code_in(waiting[0].result()), first.verifier), hub)
    assert signed_in_user(two.exchange(code_in(waiting[1].result()), second.verifier), hub)

    hub.stop_server("alice/lab")

    assert two.client.get("/application").status_code == 401
    assert one.client.get("/application").status_code == 200


def test_a_denied_access_reaches_the_kernel(kernel_side, browser, hub):
    alice, tab = kernel_side("alice"), browser("alice")
    sign_in = alice.begin()
    waiting = alice.wait(sign_in)
    address = BrowserUser(hub.sandbox.url).authorize(sign_in.link, "Deny")
    tab.get(address)

    assert "error=access_denied" in waiting.result().json()["query"]


# ── the secret ───────────────────────────────────────────────────────────────────────────────────


def test_the_secret_is_in_no_environment(hub, kernel):
    """Neither of the users' processes, nor of the service, nor of the hub."""
    kernel("alice")
    secret = hub.secret
    environments = [process.environ() for process in hub.find_processes()]
    environments.append(hub.hub_process().environ())

    assert len(environments) >= 5
    assert [one for one in environments if secret in str(one)] == []


def test_the_secret_is_in_no_memory_of_a_user(hub, kernel, browser, own_uids):
    """After a sign-in. The same search finds it in the memory of this test, where the sandbox is."""
    alice = kernel("alice")
    allow(browser("alice"), alice.begin_sign_in(), "alice")
    assert "Alice Example" in alice.run("await gyazo.ready()")

    # The hub gives its services an empty JUPYTERHUB_USER.
    processes = [one for one in hub.find_processes() if one.environ().get("JUPYTERHUB_USER")]
    assert len(processes) >= 4
    assert [one for one in processes if readable_memory_contains(one, hub.secret)] == []
    assert readable_memory_contains(psutil.Process(), hub.secret)


def test_a_user_can_read_neither_the_processes_nor_the_file_of_the_secret(hub, kernel, own_uids):
    pids = [hub.service_process().pid, hub.hub_process().pid]
    paths = [f"/proc/{pid}/{name}" for pid in pids for name in ("environ", "mem")]
    paths.append(str(hub.secret_path))
    cell = f"""
for path in {paths}:
    try:
        open(path, "rb").read(1)
    except OSError as error:
        print(type(error).__name__)
"""

    assert kernel("bob").run(cell).split() == ["PermissionError"] * 5


def test_no_file_of_the_hub_or_of_a_user_holds_a_secret(hub, kernel_side, browser):
    """The logs at DEBUG, the database, the home folders: no secret, code or token of Gyazo.

    The token of a server is in files of Jupyter, in the home folder of its user.
    """
    alice, tab = kernel_side("alice"), browser("alice")
    sign_in = alice.begin()
    waiting = alice.wait(sign_in)
    allow(tab, sign_in.link, "alice")
    code = code_in(waiting.result())
    token = alice.exchange(code, sign_in.verifier).json()["access_token"]
    secrets = [hub.secret, code, token, sign_in.state, sign_in.verifier]
    server_tokens = [hub.server_token(name) for name in USERS]
    texts = {path: path.read_bytes() for path in hub.files()}

    assert "[D " in hub.log()
    for path, text in texts.items():
        of_a_user = path.is_relative_to(hub.homes)
        for secret in secrets if of_a_user else secrets + server_tokens:
            assert secret.encode() not in text, path


# ── attacks between users ────────────────────────────────────────────────────────────────────────


def test_a_link_of_another_user_signs_in_no_kernel(hub, kernel_side, browser):
    """Alice sends bob her link, and he allows access in his browser, as himself."""
    alice = kernel_side("alice")
    sign_in = alice.begin()
    waiting = alice.wait(sign_in, seconds=6)
    address = redirect_of(sign_in.link, "bob")
    page = browser("bob").get(address)
    code = parse_qs(urlsplit(address).query)["code"][0]

    assert "Another sign-in" in page.text
    assert "bob" in page.text
    # Alice learns the code of bob somehow.
    assert error_in(alice.exchange(code, sign_in.verifier)) == "invalid_grant"
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": sign_in.verifier}
    form |= {"client_id": hub.client_id, "redirect_uri": hub.redirect_uri}
    assert error_in(httpx.post(f"{hub.sandbox.url}/oauth/token", data=form)) == "invalid_client"
    assert waiting.result().status_code == 204


def test_a_kernel_that_waits_with_the_state_of_another_user_gets_nothing(kernel_side, browser, hub):
    """The notebook of alice shows her link, which holds the state. She signs in nevertheless."""
    alice, bob, tab = kernel_side("alice"), kernel_side("bob"), browser("alice")
    sign_in = alice.begin()
    stolen = bob.wait(sign_in, seconds=2)
    waiting = alice.wait(sign_in)
    allow(tab, sign_in.link, "alice")

    assert signed_in_user(alice.exchange(code_in(waiting.result()), sign_in.verifier), hub)
    assert stolen.result().status_code == 204


def test_a_code_is_exchanged_only_for_the_user_in_whose_browser_it_came(kernel_side, browser, hub):
    """Not for bob, who has the code and the verifier of alice."""
    alice, bob, tab = kernel_side("alice"), kernel_side("bob"), browser("alice")
    sign_in = alice.begin()
    waiting = alice.wait(sign_in)
    allow(tab, sign_in.link, "alice")
    code = code_in(waiting.result())

    assert error_in(bob.exchange(code, sign_in.verifier)) == "invalid_grant"
    assert signed_in_user(alice.exchange(code, sign_in.verifier), hub) == "Alice Example"


def test_a_wrong_verifier_leaves_the_code_valid(kernel_side, browser, hub):
    alice, tab = kernel_side("alice"), browser("alice")
    sign_in = alice.begin()
    waiting = alice.wait(sign_in)
    allow(tab, sign_in.link, "alice")
    code = code_in(waiting.result())

    assert error_in(alice.exchange(code, "x" * 43)) == "invalid_grant"
    assert signed_in_user(alice.exchange(code, sign_in.verifier), hub) == "Alice Example"


def test_a_kernel_cannot_choose_the_application_of_the_exchange(kernel_side, browser, hub):
    alice, tab = kernel_side("alice"), browser("alice")
    sign_in = alice.begin()
    waiting = alice.wait(sign_in)
    allow(tab, sign_in.link, "alice")
    others = {"client_id": "x", "redirect_uri": "http://127.0.0.1/x", "grant_type": "password"}

    reply = alice.exchange(code_in(waiting.result()), sign_in.verifier, **others)

    assert signed_in_user(reply, hub) == "Alice Example"


def test_a_code_and_a_redirect_are_valid_once(kernel_side, browser):
    alice, tab = kernel_side("alice"), browser("alice")
    sign_in = alice.begin()
    waiting = alice.wait(sign_in)
    address = redirect_of(sign_in.link, "alice")
    tab.get(address)
    code = code_in(waiting.result())
    alice.exchange(code, sign_in.verifier).raise_for_status()

    assert error_in(alice.exchange(code, sign_in.verifier)) == "invalid_grant"
    assert "Another sign-in" in tab.get(address).text


def test_many_sign_ins_of_a_user_stop_no_other_user(kernel_side, browser, hub):
    """Bob begins 60 sign-ins: the oldest ones end."""
    bob, alice = kernel_side("bob"), kernel_side("alice")
    waiting = [bob.wait(bob.begin(), seconds=2) for _ in range(60)]

    complete(alice, browser("alice"), "alice", hub)

    statuses = Counter(one.result().status_code for one in waiting)
    assert statuses == {429: 60 - 16, 204: 16}


# ── who may call the service ─────────────────────────────────────────────────────────────────────


API = [("GET", "/api/application"), ("POST", "/api/code"), ("POST", "/api/token")]
FORM = {"state_hash": "0" * 64, "code": "x", "code_verifier": "x"}


def call(client, hub, method, path, **options):
    if method == "POST":
        options["data"] = FORM
    return client.request(method, f"{hub.url}{SERVICE}{path}", **options)


@pytest.mark.parametrize(("method", "path"), API)
def test_the_api_needs_the_token_of_a_server(hub, browser, method, path):
    """Neither a missing nor a wrong token is accepted, nor the cookie of a browser alone."""
    tab = browser("alice")
    assert (
        tab.get(f"{hub.url}{SERVICE}/done?how=ok").status_code == 200
    )  # the service knows the browser

    wrong = {"Authorization": "token wrong"}
    assert call(httpx, hub, method, path).status_code == 401
    assert call(httpx, hub, method, path, headers=wrong).status_code == 401
    assert call(tab, hub, method, path).status_code == 401


@pytest.mark.parametrize(("method", "path"), API)
def test_the_api_refuses_a_token_that_is_not_of_a_user_with_the_scope(hub, method, path):
    """The token of a service that has the scope, and the token of a user that does not have it."""
    tokens = [hub.tokens["other"], hub.new_token("alice", "read:users:name!user")]
    for token in tokens:
        reply = call(httpx, hub, method, path, headers={"Authorization": f"token {token}"})
        assert reply.status_code == 403


def test_a_kernel_says_in_one_sentence_why_the_service_refuses_it(hub, kernel):
    """A token that the hub does not know, and one without the scope."""
    bob = kernel("bob")
    bob.run("%load_ext gyazo_nb\nimport os")

    for token, sentence in {
        "x" * 32: "The hub does not know this server any more",
        hub.new_token("bob", "read:users:name!user"): "This server may not use the hub's Gyazo",
    }.items():
        output = bob.run(f"os.environ['JUPYTERHUB_API_TOKEN'] = {token!r}\ngyazo.login()")
        assert sentence in output
        assert len(output.strip().splitlines()) == 1


def test_the_redirect_needs_a_browser_that_is_signed_in_to_the_hub(hub, kernel_side):
    """A token is not accepted there, neither in a header nor in the address."""
    token = hub.server_token("alice")
    address = f"{hub.url}{SERVICE}/callback?code=x&state=x"

    reply = httpx.get(address, headers={"Authorization": f"token {token}"}, follow_redirects=True)
    assert "/hub/login" in str(reply.url) or reply.status_code == 403
    reply = httpx.get(f"{address}&token={token}", follow_redirects=True)
    assert reply.url.path == "/hub/login"


def test_a_script_of_the_same_origin_cannot_use_the_session(hub, chromium, kernel_side, browser):
    """It fetches the redirect and the API, in the browser of a user who is known to the service."""
    alice = kernel_side("alice")
    sign_in = alice.begin()
    waiting = alice.wait(sign_in)
    page = chromium.new_context().new_page()
    page.goto(f"{hub.url}/hub/login")
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill("any")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/user/alice/**")
    page.goto(f"{hub.url}{SERVICE}/done?how=ok")
    expect(page.get_by_text("Back to your notebook")).to_be_visible()
    (cookie,) = [one for one in page.context.cookies() if one["name"] == "service-gyazo"]
    assert cookie["sameSite"] == "Lax"
    page.goto(f"{hub.url}/hub/home")

    fetch = """async ([path, method]) => {
        const reply = await fetch(path, {method}).catch(() => null);
        return reply && [reply.status, new URL(reply.url).pathname];
    }"""
    callback = f"{SERVICE}/callback?code=x&state={sign_in.state}"
    # The hub sends the script to its login, where the browser ends a circle of redirects.
    fetched = page.evaluate(fetch, [callback, "GET"])
    assert fetched is None or fetched[1] != f"{SERVICE}/done"
    for method, path in API:
        assert page.evaluate(fetch, [f"{SERVICE}{path}", method])[0] == 401
    page.context.close()
    # The sign-in goes on with the redirect of Gyazo.
    allow(browser("alice"), sign_in.link, "alice")
    assert code_in(waiting.result()) != "x"


def test_the_pages_of_the_service_are_in_no_frame_referrer_or_cache(hub, browser, kernel_side):
    alice, tab = kernel_side("alice"), browser("alice")
    tab.get(f"{hub.url}{SERVICE}/done?how=ok")
    sign_in = alice.begin()
    waiting = alice.wait(sign_in)
    page = allow(tab, sign_in.link, "alice")
    waiting.result()

    assert [urlsplit(str(one.url)).path for one in (*page.history, page)] == [
        f"{SERVICE}/callback",
        f"{SERVICE}/done",
    ]
    for reply in (*page.history, page):
        assert "frame-ancestors 'none'" in reply.headers["Content-Security-Policy"]
        assert reply.headers["Referrer-Policy"] == "no-referrer"
        assert reply.headers["Cache-Control"] == "no-store"


def test_the_cookie_of_the_service_is_for_the_service_alone(hub, browser):
    page = browser("alice").get(f"{hub.url}{SERVICE}/done?how=ok")
    headers = [text for one in page.history for text in one.headers.get_list("Set-Cookie")]
    (cookie,) = [text for text in headers if text.startswith("service-gyazo=")]

    assert "HttpOnly" in cookie
    assert f"Path={SERVICE}/" in cookie


# ── accidents ────────────────────────────────────────────────────────────────────────────────────


def test_a_sign_in_goes_on_after_the_service_was_killed(hub, kernel, browser):
    """The user opens the page again that the hub could not show."""
    alice, tab = kernel("alice"), browser("alice")
    link = alice.begin_sign_in()
    address = redirect_of(link, "alice")
    hub.kill_service()
    hub.wait_until(hub.is_service_up, "the service is up again")

    assert "Back to your notebook" in tab.get(address).text
    assert "Alice Example" in alice.run("await gyazo.ready()")


def test_a_sign_in_goes_on_after_the_hub_was_restarted(hub, kernel, browser):
    alice, tab = kernel("alice"), browser("alice")
    link = alice.begin_sign_in()
    address = redirect_of(link, "alice")
    hub.stop_hub()
    hub.start_hub()
    hub.wait_until(hub.is_service_up, "the service is up again")

    assert "Back to your notebook" in tab.get(address).text
    assert "Alice Example" in alice.run("await gyazo.ready()")


def test_a_user_who_signed_out_of_the_hub_signs_in_there_first(hub, kernel_side, browser):
    """Then the redirect reaches the kernel."""
    alice, tab = kernel_side("alice"), browser("alice")
    sign_in = alice.begin()
    waiting = alice.wait(sign_in)
    tab.get(f"{hub.url}/hub/logout")

    page = allow(tab, sign_in.link, "alice")
    assert page.url.path == "/hub/login"
    assert not waiting.done()

    page = hub.submit_login(tab, page, "alice")
    assert "Back to your notebook" in page.text
    assert signed_in_user(alice.exchange(code_in(waiting.result()), sign_in.verifier), hub)
