"""What Gyazo has been seen to send is read, and what is strange does no harm."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from gyazo_nb import (
    Annotation,
    Deleted,
    EasyUpload,
    Embed,
    Image,
    Location,
    Ocr,
    Page,
    PictureError,
    User,
)

REPLIES = Path(__file__).parent / "replies"


def recorded(name):
    return json.loads((REPLIES / f"{name}.json").read_text())


def image(**fields):
    return Image.from_json(recorded("upload") | fields)


def test_a_documented_list_entry_is_read_whole():
    """Every field of the documentation's example has its place."""
    entry = Image.from_json(recorded("list")[0])

    assert entry.image_id == "8980c52421e452ac3355ca3e5cfe7a0c"
    assert entry.created_at == datetime(
        2014, 5, 21, 14, 23, 10, tzinfo=timezone(timedelta(hours=9))
    )
    assert entry.metadata.desc is None
    assert entry.ocr_text == "Gyazo\n"
    assert not entry.locked
    assert entry.extra == {}


def test_a_locked_entry_has_no_id():
    """Older images on a free plan come without id and addresses, and can still be shown."""
    entry = Image.from_json(recorded("list")[1])

    assert entry.locked
    assert (entry.permalink_url, entry.url) == (None, None)
    assert "ocked" in entry._repr_html_()


def test_a_documented_detail_is_read():
    """Null addresses, no `url`, milliseconds, the original title."""
    entry = Image.from_json(recorded("detail"))

    assert entry.title == "A title"
    assert entry.metadata.original_title == "T"
    assert entry.created_at == datetime(2018, 7, 24, 7, 33, 24, 771000, tzinfo=UTC)
    assert entry._repr_html_()


@pytest.mark.parametrize(
    "text",
    [
        "2020-02-01 13:31:37+0000",
        "2020-02-01T13:31:37+0000",
        "2020-02-01T13:31:37.000Z",
        "2020-02-01T13:31:37.000+0000",
    ],
)
def test_all_four_forms_of_a_date_are_read(text):
    """Documentation, list, detail and a recording each have their own."""
    assert image(created_at=text).created_at == datetime(2020, 2, 1, 13, 31, 37, tzinfo=UTC)


@pytest.mark.parametrize("value", [None, "", "yesterday", 5, {}])
def test_another_date_is_no_date(value):
    """An image is not refused because of its date."""
    assert image(created_at=value).created_at is None


@pytest.mark.parametrize("metadata", [None, "", [], {"title": None}, {"title": 5}])
def test_metadata_may_be_anything_or_missing(metadata):
    """Someone else's public image comes without it."""
    assert image(metadata=metadata).title == ""


def test_unknown_fields_stay_reachable():
    """What Gyazo adds one day is there at once."""
    entry = image(colours=["red"], metadata={"mood": "blue"})

    assert entry.extra == {"colours": ["red"]}
    assert entry.metadata.extra == {"mood": "blue"}


@pytest.mark.parametrize("data", [None, 5, "text", [1]])
def test_what_is_no_image_is_refused(data):
    """For `Operation.read` to translate."""
    with pytest.raises((TypeError, ValueError)):
        Image.from_json(data)


def test_a_user_is_read():
    """A protocol-relative picture gets its https, unknown fields are kept."""
    user = User.from_json(recorded("me"))

    assert user.profile_image == "https://assets2.gyazo.com/a.png"
    assert (user.is_pro, user.is_team, user.extra) == (False, None, {})
    assert str(user) == "Sandy (sandy@example.com)"


@pytest.mark.parametrize(
    ("name", "email", "shown"), [(None, "a@b", "a@b"), ("", "", "x"), ("A", None, "A")]
)
def test_a_user_without_a_name_is_called_something(name, email, shown):
    """Name and address may be null or empty."""
    assert str(User.from_json({"user": {"uid": "x", "name": name, "email": email}})) == shown


def test_a_delete_says_only_id_and_type():
    """No created_at is asked for."""
    assert Deleted.from_json(recorded("delete")).type == "png"


def test_every_field_that_was_ever_seen_is_read():
    """What single clients have met beside the documented fields, each in its place."""
    entry = image(
        alt_text="A curve",
        metadata={
            "original_title": "O",
            "original_url": "http://o",
            "exif_address": {"en": {"city": "Kyoto"}},
            "links": ["loss", 5],
        },
        ocr={"locale": "en", "description": "text"},
        exif_normalized={"latitude": 35.0, "longitude": 135},
        localizedObjectAnnotations=[{"name": "Cat", "name_ja": "猫", "score": 0.9}, {"score": 1}],
        video_length=3,
        mp4_url="https://i.gyazo.com/x.mp4",
        star=True,
        comments=[{"a": 1}],
    )

    assert (entry.alt_text, entry.video_length, entry.mp4_url, entry.star) == (
        "A curve",
        3.0,
        "https://i.gyazo.com/x.mp4",
        True,
    )
    assert (entry.ocr, entry.ocr_text) == (Ocr("en", "text"), "text")
    assert entry.location == Location(35.0, 135.0)
    assert entry.objects == (Annotation("Cat", "猫", 0.9),)
    assert entry.comments == ({"a": 1},)
    assert entry.metadata.original_url == "http://o"
    assert entry.metadata.exif_address == {"en": {"city": "Kyoto"}}
    assert entry.metadata.links == ("loss", "5")
    assert (entry.extra, entry.metadata.extra) == ({}, {})
    assert hash(entry) == hash(entry)


@pytest.mark.parametrize(
    "strange", [None, 5, "text", [], [5], {}, {"latitude": None}, {"a": 1}, True]
)
def test_a_strange_value_is_no_value(strange):
    """Whatever stands where something else was promised, the image around it is read."""
    names = ("ocr", "exif_normalized", "localizedObjectAnnotations", "comments", "url", "star")
    names += ("video_length", "mp4_url", "alt_text", "access_policy", "created_at", "metadata")
    entry = image(**dict.fromkeys(names, strange))

    assert (entry.location, entry.objects, entry.created_at) == (None, (), None)
    assert entry._repr_html_()


def test_the_answer_to_an_update_has_its_text_inside_the_metadata():
    """There and in a detail these two were seen one level deeper."""
    assert Image.from_json(recorded("update")).alt_text == "A"
    assert image(metadata={"ocr": {"locale": "en", "description": "x"}}).ocr_text == "x"


@pytest.mark.parametrize(
    ("page", "picture", "shown"),
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
            "https://ours.gyazo.com/8980c52421e452ac3355ca3e5cfe7a0c",
        ),
        (
            "https://gyazo.com/abc",
            "https://t.gyazo.com/teams/a.evil/abc.png",
            "https://gyazo.com/abc",
        ),
    ],
)
def test_a_teams_image_has_its_page_at_the_team(page, picture, shown):
    """The API names gyazo.com for these too, where there is nothing."""
    assert image(permalink_url=page, url=picture).permalink_url == shown


def test_a_search_result_is_read():
    """With the original title, an alternative text that is empty, a policy that is null."""
    entry = Image.from_json(recorded("search")[0])

    assert (entry.metadata.original_title, entry.alt_text, entry.access_policy) == (
        "A title",
        None,
        None,
    )
    assert entry.extra == {}


def test_an_embedding_is_read_and_shown():
    """Address and size; anything else is no embedding."""
    embed = Embed.from_json(recorded("oembed"))

    assert (embed.width, embed.height, embed.type, embed.extra) == (640, 480, "photo", {})
    assert "640 by 480" in embed._repr_html_()
    with pytest.raises((KeyError, ValueError)):
        Embed.from_json({"width": 5})
    with pytest.raises(ValueError):
        Embed.from_json({"url": None})


def test_an_easy_upload_is_shown_as_a_link_to_open():
    """What to do, until when, and nothing that could run."""
    easy = EasyUpload.from_json(recorded("easy_upload"))

    assert easy.expires_at == datetime(2018, 7, 24, 7, 33, 24, tzinfo=UTC)
    assert "Open this link in your browser" in str(easy)
    assert f'<a href="{easy.url}"' in easy._repr_html_()
    with pytest.raises(ValueError):
        EasyUpload.from_json({"get_image_url": "javascript:alert(1)"})


def test_an_image_without_a_session_says_so_when_it_is_fetched():
    """One sentence; for a locked one, and one without its picture's address, another."""

    class Bringer:
        pass

    with pytest.raises(PictureError, match="no longer belongs to a session"):
        image().download()
    with pytest.raises(PictureError, match="without the address"):
        Image.from_json(recorded("detail"), Bringer()).download()
    with pytest.raises(PictureError, match="locked"):
        Image.from_json(recorded("list")[1], Bringer()).open()


def test_a_detail_as_documented_has_its_page_all_the_same():
    """The documentation's example names neither page nor picture; the id leads to the page."""
    detail = Image.from_json(recorded("detail"))

    assert detail.permalink_url == f"https://gyazo.com/{detail.image_id}"
    assert detail.cosense == f"[{detail.permalink_url}]"
    assert detail.permalink_url in detail.markdown


def test_a_page_is_a_sequence():
    """Length, index, slice, iteration; the total stands in its repr."""
    page = Page(tuple(Image.from_json(entry) for entry in recorded("list")), 1, 20, total=1144)

    assert len(page) == 2
    assert page[0] is next(iter(page))
    assert len(page[:1]) == 1
    assert repr(page) == "<Page 1: 2 images of 1144>"


EVIL = '"><script>alert(1)</script>'


def test_everything_from_the_service_is_escaped():
    """A title is text, wherever it is shown."""
    entry = image(metadata={"title": EVIL})
    shown = entry._repr_html_() + Page((entry,), 1, 20)._repr_html_() + entry.html

    assert "<script" not in shown


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//x", "http://["]
)
def test_only_web_addresses_become_links_and_pictures(url):
    """An address of another kind is never followed."""
    entry = image(permalink_url=url, url=url, thumb_url=url)
    shown = entry._repr_html_() + Page((entry,), 1, 20)._repr_html_()

    assert "<a" not in shown
    assert "<img" not in shown
    assert url not in entry.html + entry.markdown


def test_a_picture_can_be_copied_in_four_notations():
    """URL, Markdown, HTML and Cosense, each selectable in the card."""
    entry = image(metadata={"title": "A [b] *c*"})
    page, picture = entry.permalink_url, entry.url

    assert entry.markdown == rf"[![A \[b\] \*c\*]({picture})]({page})"
    assert entry.html == f'<a href="{page}"><img src="{picture}" alt="A [b] *c*"></a>'
    assert entry.cosense == f"[{page}]"
    assert entry._repr_html_().count("user-select:all") == 4


def test_an_image_is_one_line_of_text():
    """What a terminal shows: the page and the title."""
    assert repr(image(metadata={"title": "T"})) == (
        "Image('https://gyazo.com/8980c52421e452ac3355ca3e5cfe7a0c', title='T')"
    )
