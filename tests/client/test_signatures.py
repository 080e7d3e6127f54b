"""A wrong call names the public method and the right parameter."""

import inspect
import pickle
import traceback

import pytest

from gyazo_nb import Gyazo


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "message"),
    [
        (
            "upload",
            [b""],
            {"titel": "x"},
            "unexpected keyword argument 'titel': did you mean title?",
        ),
        ("upload_all", [[]], {"conc": 2}, "'conc': did you mean concurrency?"),
        ("upload", [], {}, "upload(): missing a required argument: 'picture'"),
        (
            "upload",
            [b"", "Loss"],
            {},
            "takes picture by position: name the other arguments, as in title=…",
        ),
        ("image", ["a", "b"], {}, "image() takes image_id: leave out the other arguments."),
        ("me", [], {"x": 1}, "'x': it has none."),
        ("search", ["a"], {"per_page": 2}, "'per_page': did you mean per?"),
        ("delete", [], {"imag": "a"}, "'imag': did you mean image?"),
    ],
)
def test_error_of_a_wrong_call_names_the_right_parameter(call, gyazo, name, args, kwargs, message):
    """For both versions of a call, and without a name of an internal function."""
    with pytest.raises(TypeError) as caught:
        call(gyazo, name, *args, **kwargs)

    assert message in str(caught.value)
    assert caught.value._render_traceback_() == [f"\x1b[31mTypeError\x1b[0m: {caught.value}"]
    assert pickle.loads(pickle.dumps(caught.value)).args == caught.value.args
    assert str(caught.value).startswith(("Gyazo." + name, "Gyazo.a" + name))


def test_type_error_inside_of_a_call_is_not_changed(call, gyazo):
    """Such as one of the user's own function."""

    def title(path):
        return path + 1

    report = call(gyazo, "upload_all", ["a"], title=title, progress=False)

    assert str(report.failures[0].error) == 'can only concatenate str (not "int") to str'


def test_methods_that_take_a_token_have_no_further_frame(gyazo):
    """The frame of a wrapper would show the token in a traceback."""
    with pytest.raises(Exception, match=r"token|401") as caught:
        gyazo.use_token("s3cr3t")

    frames = [frame for frame, _ in traceback.walk_tb(caught.tb)]
    for frame in frames[1:]:
        assert "s3cr3t" not in str(frame.f_locals.get("args")), frame


def test_help_shows_the_signature_of_the_method():
    """Not that of a wrapper."""
    for name in ("upload", "aupload", "delete", "adelete", "images"):
        assert "kwargs" not in inspect.signature(getattr(Gyazo, name)).parameters
    assert inspect.iscoroutinefunction(Gyazo.adelete)
