"""Who is signed in stays who was asked for, whatever happens at the same time."""

import threading

import pytest

from gyazo_nb import Account, NotLoggedInError, OtherAccountError, Secret, Site, User
from gyazo_nb.identity import Identity


def account(name, token=None):
    user = User(uid=name, name=name, email="") if name else None
    return Account(Secret(token or f"token of {name}"), Site(), user, "a test")


def nobody():
    return None


def unasked(current):
    raise AssertionError(f"nobody need be asked about {current}")


def test_two_sign_ins_in_the_same_instant_are_one():
    """Whichever comes first; the other is refused, and the one that was first stays."""
    for _ in range(200):
        identity, start = Identity(nobody), threading.Barrier(2)
        refused = []

        def sign_in(name, identity=identity, start=start, refused=refused):
            start.wait()
            try:
                identity.take(account(name), unasked)
            except OtherAccountError:
                refused.append(name)

        threads = [threading.Thread(target=sign_in, args=(name,)) for name in ("A", "B")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert [identity.account.user.name, *refused] in (["A", "B"], ["B", "A"])


def test_who_signed_in_while_an_owner_was_asked_for_is_not_replaced():
    """The question takes its time; what happened meanwhile counts."""
    environment = account("", "of the environment")
    identity = Identity(lambda: environment)

    def slow_owner(current):
        if current == environment:
            identity.begin(account("A"))
            return User(uid="B", name="B", email="")
        raise AssertionError("A has a name")

    with pytest.raises(OtherAccountError, match="That is B, but A is signed in: add --switch"):
        identity.take(account("B"), slow_owner)

    assert identity.account.user.name == "A"


def test_the_same_account_may_come_again():
    """With another token, as after a second sign-in."""
    identity = Identity(nobody)
    identity.take(account("A"), unasked)

    identity.take(account("A", "another"), unasked)

    assert identity.account.token == Secret("another")


def test_a_token_that_died_is_not_used_again():
    """Neither the sign-in's nor the environment's in its place; signing out gives that back."""
    ready = account("", "of the environment")
    identity = Identity(lambda: ready)
    identity.begin(account("A"))
    identity.bury(Secret("somebody else's"))
    assert identity.account.user.name == "A"

    identity.bury(identity.account.token)

    assert identity.account is None
    with pytest.raises(NotLoggedInError, match="deleted or revoked"):
        identity.required()
    identity.forget()
    assert identity.required() == ready


def test_the_environments_token_that_died_is_back_when_it_is_corrected():
    """A variable that was set anew is another token."""
    ready = [account("", "old")]
    identity = Identity(lambda: ready[0])
    identity.bury(Secret("old"))
    assert identity.account is None

    ready[0] = account("", "new")

    assert identity.account == ready[0]
