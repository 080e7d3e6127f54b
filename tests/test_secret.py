"""A `Secret` never shows its text."""

import copy
import json
import pickle

import pytest

from gyazo_nb import Secret

TEXT = "tOp-sEcReT"


@pytest.mark.parametrize(
    "show", [repr, str, "{}".format, "{!s:>40}".format, lambda s: f"{s}", ascii]
)
def test_every_conversion_to_text_shows_a_mask(show):
    assert TEXT not in show(Secret(TEXT))


@pytest.mark.parametrize("container", [list, tuple])
def test_container_of_secrets_shows_masks(container):
    assert TEXT not in repr(container([Secret(TEXT)]))


def test_text_is_not_an_attribute():
    """Variable inspectors list the values of attributes."""
    secret = Secret(TEXT)

    with pytest.raises(TypeError):
        vars(secret)
    assert TEXT not in [getattr(secret, name) for name in dir(secret)]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_secret_cannot_be_pickled(protocol):
    """%store and multiprocessing get an error instead of the text."""
    with pytest.raises(TypeError, match="cannot be pickled or saved with %store"):
        pickle.dumps(Secret(TEXT), protocol)


def test_secret_cannot_be_converted_to_json():
    with pytest.raises(TypeError):
        json.dumps(Secret(TEXT))


def test_object_that_contains_a_secret_can_be_copied():
    assert copy.deepcopy({"a": Secret(TEXT)})["a"].reveal() == TEXT


def test_secrets_with_the_same_text_are_equal():
    """A `Secret` never equals a plain text."""
    assert Secret(TEXT) == Secret(TEXT)
    assert Secret(TEXT) != Secret(TEXT + "x")
    assert Secret(TEXT) != TEXT
    assert Secret("\ud800") == Secret("\ud800")


def test_secret_has_no_hash():
    """A hash would be a fingerprint of the text."""
    with pytest.raises(TypeError):
        hash(Secret(TEXT))


def test_empty_secret_is_false():
    assert not Secret("")
    assert Secret(" ")
