"""The blocking and the async version of a call have the same parameters."""

import inspect

import pytest

from gyazo_nb import Gyazo


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "message"),
    [
        ("upload", [b""], {"titel": "x"}, "unexpected keyword argument 'titel'"),
        ("upload_all", [[]], {"conc": 2}, "unexpected keyword argument 'conc'"),
        ("upload", [], {}, "'picture'"),
        ("search", ["a"], {"per_page": 2}, "'per_page'"),
    ],
)
def test_error_of_a_wrong_call_names_the_method_and_the_parameter(
    call, gyazo, name, args, kwargs, message
):
    """Without a name of an internal function."""
    with pytest.raises(TypeError, match=message) as caught:
        call(gyazo, name, *args, **kwargs)

    assert str(caught.value).startswith(("Gyazo." + name, "Gyazo.a" + name))


def test_help_shows_the_signature_of_the_method():
    """Not that of a wrapper."""
    for name in ("upload", "aupload", "delete", "adelete", "images"):
        assert "kwargs" not in inspect.signature(getattr(Gyazo, name)).parameters
    assert inspect.iscoroutinefunction(Gyazo.adelete)
