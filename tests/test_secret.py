"""A Secret is used and never shown."""

import copy
import json
import pickle

import pytest

from gyazo_nb import Secret

TEXT = "tOp-sEcReT"


@pytest.mark.parametrize(
    "show", [repr, str, "{}".format, "{!s:>40}".format, lambda s: f"{s}", ascii]
)
def test_showing_gives_a_mask(show):
    """No way of turning a Secret into text shows it."""
    assert TEXT not in show(Secret(TEXT))


@pytest.mark.parametrize("container", [list, tuple])
def test_a_container_of_secrets_shows_masks(container):
    """A Secret inside of something else stays hidden."""
    assert TEXT not in repr(container([Secret(TEXT)]))


def test_vars_and_dir_do_not_hold_it():
    """No attribute of a Secret is the text, so that variable inspectors show nothing."""
    secret = Secret(TEXT)

    with pytest.raises(TypeError):
        vars(secret)
    assert TEXT not in [getattr(secret, name) for name in dir(secret)]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_cannot_be_pickled(protocol):
    """%store and multiprocessing get an error, not the text."""
    with pytest.raises(TypeError, match="not written anywhere"):
        pickle.dumps(Secret(TEXT), protocol)


def test_it_cannot_be_made_json():
    """The json module does not know it."""
    with pytest.raises(TypeError):
        json.dumps(Secret(TEXT))


def test_a_copy_is_the_same_secret():
    """Copying what holds a Secret works and shows nothing."""
    assert copy.deepcopy({"a": Secret(TEXT)})["a"].reveal() == TEXT


def test_equality_compares_the_texts():
    """Two Secrets of the same text are equal; a Secret never equals a plain text."""
    assert Secret(TEXT) == Secret(TEXT)
    assert Secret(TEXT) != Secret(TEXT + "x")
    assert Secret(TEXT) != TEXT
    assert Secret("\ud800") == Secret("\ud800")


def test_it_has_no_hash():
    """A hash would be a fingerprint of the text."""
    with pytest.raises(TypeError):
        hash(Secret(TEXT))


def test_an_empty_secret_is_false():
    """`if secret` asks whether there is one."""
    assert not Secret("")
    assert Secret(" ")
