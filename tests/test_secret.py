"""A `Secret` never shows its text."""

import asyncio
import copy
import inspect
import json
import pickle

import pytest

from gyazo_nb import ConfigError, Secret, WaitInterruptedError
from gyazo_nb.secret import hides_frames

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


@pytest.mark.parametrize("value", [TEXT.encode(), 5, None, [TEXT]])
def test_only_a_text_becomes_a_secret(value):
    assert Secret.or_none(value) is None
    with pytest.raises(TypeError, match="Secret\\(\\) takes a str"):
        Secret(value)


def test_secret_of_a_text_or_a_secret():
    secret = Secret.or_none(TEXT)

    assert secret == Secret(TEXT)
    assert Secret.or_none(secret) is secret


def test_text_of_a_subclass_of_str_is_read_without_its_methods():
    """Such a method is a frame that holds the text."""

    class Text(str):
        __slots__ = ()

        def __str__(self):
            raise AssertionError

    assert type(Secret(Text(TEXT)).reveal()) is str


@pytest.mark.parametrize(
    "error", [ConfigError("x"), KeyboardInterrupt("x"), MemoryError(), WaitInterruptedError("x")]
)
def test_expected_error_of_a_function_that_hides_its_frames_stays(error):
    """Without the frames of the function, and without the errors before it."""

    @hides_frames
    def fail():
        try:
            int(TEXT)
        except ValueError as cause:
            raise error from cause

    with pytest.raises(type(error)) as caught:
        fail()

    assert caught.value is error
    assert error.__cause__ is error.__context__ is None
    assert [entry.name for entry in caught.traceback[1:]] == ["call"]


def test_cancelled_coroutine_that_hides_its_frames_is_cancelled():
    @hides_frames
    async def wait():
        held = TEXT
        await asyncio.sleep(60)
        return held

    async def cancel():
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task

    task = asyncio.run(cancel())

    assert task.cancelled()
    assert inspect.iscoroutinefunction(wait)


def test_result_of_a_function_that_hides_its_frames_is_returned():
    @hides_frames
    async def add(one, other=1):
        await asyncio.sleep(0)
        return one + other

    assert asyncio.run(add(1, other=2)) == 3
    assert hides_frames(divmod)(7, 2) == (3, 1)
