"""The current account changes only when the user asks for it, also with several threads."""

import threading

import pytest

from gyazo_nb import Account, NotLoggedInError, OtherAccountError, Secret, Site, User
from gyazo_nb.auth.account import CurrentAccount, check_same_user
from gyazo_nb.settings import Settings


def account(name, token=None):
    user = User(uid=name, name=name, email="") if name else None
    return Account(Secret(token or f"token-of-{name}"), Site(), user, "a test")


def test_only_one_of_two_simultaneous_sign_ins_replaces_the_account():
    """For the other one, `replace` returns False."""
    for _ in range(200):
        current, start = CurrentAccount(Settings()), threading.Barrier(2)
        replaced = {}

        def sign_in(name, current=current, start=start, replaced=replaced):
            start.wait()
            replaced[name] = current.replace(None, account(name))

        threads = [threading.Thread(target=sign_in, args=(name,)) for name in ("A", "B")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        (winner,) = [name for name, done in replaced.items() if done]
        assert current.account.user.name == winner


@pytest.mark.parametrize(
    ("new", "old", "message"),
    [
        ("B", User(uid="A", name="A", email=""), "This is B, but A is signed in: add --switch"),
        ("A", User(uid="other", name="A", email=""), r"This is A \(uid A\), but A \(uid other\)"),
        ("", User(uid="A", name="A", email=""), "This is another account, but A is signed in"),
    ],
    ids=["another name", "the same name", "without a name"],
)
def test_another_user_is_refused(new, old, message):
    """The error names both users."""
    with pytest.raises(OtherAccountError, match=message):
        check_same_user(account(new), old)


@pytest.mark.parametrize("old", [None, User(uid="A", name="changed", email="")])
def test_the_same_user_or_an_unknown_one_is_accepted(old):
    """Users are compared by their id; a revoked token has no user."""
    check_same_user(account("A"), old)


def test_a_revoked_token_of_a_sign_in_is_not_replaced_by_the_environment(monkeypatch):
    """Signing out makes the environment's token current again."""
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", "of-the-environment")
    current = CurrentAccount(Settings())
    current.sign_in(account("A"))
    current.mark_revoked(Secret("another token"))
    assert current.account.user.name == "A"

    current.mark_revoked(current.account.token)

    assert current.account is None
    with pytest.raises(NotLoggedInError, match="deleted or revoked"):
        current.require()
    current.sign_out()
    assert current.require().token == Secret("of-the-environment")


def test_after_a_revoked_token_the_environment_is_used_only_with_a_new_token(monkeypatch):
    """The user corrects the variable."""
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", "old")
    current = CurrentAccount(Settings())
    current.mark_revoked(Secret("old"))
    assert current.account is None

    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", "new")

    assert current.account.token == Secret("new")
