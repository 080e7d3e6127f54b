"""The parts of an image, the other replies of Gyazo, and the readers of single JSON values."""

from datetime import UTC, datetime

import pytest
from support.replies import recorded
from support.scripted_server import scripted_session

from gyazo_nb import EasyUpload, Embed, Image, User

ID = "8980c52421e452ac3355ca3e5cfe7a0c"


def image(**fields):
    return Image.from_json(recorded("upload") | fields)


@pytest.mark.parametrize(
    "text",
    [
        "2020-02-01 13:31:37+0000",
        "2020-02-01T13:31:37+0000",
        "2020-02-01T13:31:37.000Z",
        "2020-02-01T13:31:37.000+0000",
        "2020-02-01T13:31:37",
    ],
)
def test_all_four_date_formats_are_read(text):
    """The formats of the documentation, the list, the detail and a recorded reply; and one without a zone."""
    assert image(created_at=text).created_at == datetime(2020, 2, 1, 13, 31, 37, tzinfo=UTC)


@pytest.mark.parametrize("value", [None, "", "yesterday", 5, {}])
def test_unknown_date_format_is_none(value):
    """The image is still read."""
    assert image(created_at=value).created_at is None


@pytest.mark.parametrize(
    "field", ['"video_length": 1' + "0" * 400, '"video_length": 1e999', '"created_at": 5']
)
def test_number_out_of_range_is_none(call, field):
    """The image is still read."""
    body = f'{{"image_id": "{ID}", {field}}}'.encode()
    with scripted_session(lambda *_: (200, {}, body)) as (gyazo, _):
        image = call(gyazo, "image", ID)

    assert (image.image_id, image.video_length) == (ID, None)


@pytest.mark.parametrize("metadata", [None, "", [], {"title": None}, {"title": 5}])
def test_metadata_of_any_type_or_missing_is_accepted(metadata):
    """A public image of another account comes without metadata."""
    assert image(metadata=metadata).title == ""


@pytest.mark.parametrize(
    "value", [None, 5, "text", [], [5], {}, {"latitude": None}, {"a": 1}, True]
)
def test_value_of_unexpected_type_does_not_break_the_image(value):
    names = ("ocr", "exif_normalized", "localizedObjectAnnotations", "comments", "url", "star")
    names += ("video_length", "mp4_url", "alt_text", "access_policy", "created_at", "metadata")
    entry = image(**dict.fromkeys(names, value))

    assert (entry.location, entry.objects, entry.created_at) == (None, (), None)
    assert entry._repr_html_()


@pytest.mark.parametrize(
    ("page", "picture", "expected"),
    [
        (
            "https://gyazo.com/abc",
            "https://t.gyazo.com/teams/ours/abc.png",
            "https://ours.gyazo.com/abc",
        ),
        ("https://gyazo.com/abc", "https://i.gyazo.com/abc.png", "https://gyazo.com/abc"),
        (
            "https://ours.gyazo.com/abc",
            "https://t.gyazo.com/teams/ours/abc.png",
            "https://ours.gyazo.com/abc",
        ),
        (
            None,
            "https://t.gyazo.com/teams/ours/abc.png",
            f"https://ours.gyazo.com/{ID}",
        ),
        (
            "https://gyazo.com/abc",
            "https://t.gyazo.com/teams/a.evil/abc.png",
            "https://gyazo.com/abc",
        ),
    ],
)
def test_page_of_a_team_image_is_at_the_host_of_the_team(page, picture, expected):
    """The API names a page at gyazo.com, which does not exist."""
    assert image(permalink_url=page, url=picture).permalink_url == expected


def test_user_is_read():
    """A protocol-relative picture URL becomes https, and unknown fields are kept."""
    user = User.from_json(recorded("me"))

    assert user.profile_image == "https://assets2.gyazo.com/a.png"
    assert (user.is_pro, user.is_team, user.extra) == (False, None, {})
    assert str(user) == "Sandy (sandy@example.com)"


@pytest.mark.parametrize(
    ("name", "email", "expected"), [(None, "a@b", "a@b"), ("", "", "x"), ("A", None, "A")]
)
def test_user_without_a_name_is_shown_by_email_or_id(name, email, expected):
    assert str(User.from_json({"user": {"uid": "x", "name": name, "email": email}})) == expected


def test_embed_is_read_and_shown():
    """An oEmbed reply without an address raises an error."""
    embed = Embed.from_json(recorded("oembed"))

    assert (embed.width, embed.height, embed.type, embed.extra) == (640, 480, "photo", {})
    assert "640 by 480" in embed._repr_html_()
    with pytest.raises((KeyError, ValueError)):
        Embed.from_json({"width": 5})
    with pytest.raises(ValueError):
        Embed.from_json({"url": None})


def test_easy_upload_is_shown_as_a_link_to_open():
    """With the expiry time. An address that is not http or https raises an error."""
    easy = EasyUpload.from_json(recorded("easy_upload"))

    assert easy.expires_at == datetime(2018, 7, 24, 7, 33, 24, tzinfo=UTC)
    assert "Open this link in your browser" in str(easy)
    assert f'<a href="{easy.url}"' in easy._repr_html_()
    with pytest.raises(ValueError):
        EasyUpload.from_json({"get_image_url": "javascript:alert(1)"})
