"""Images, pages and deleted images: recorded replies are read, and unexpected ones do no harm."""

import copy
import pickle
from datetime import UTC, datetime, timedelta, timezone

import pytest
from support.helpers import PNG
from support.replies import recorded

from gyazo_nb import Annotation, Deleted, Image, Location, Ocr, Page, PictureError


def image(**fields):
    return Image.from_json(recorded("upload") | fields)


def test_documented_list_entry_is_read_completely():
    """No field of the documented example is left over."""
    entry = Image.from_json(recorded("list")[0])

    assert entry.image_id == "8980c52421e452ac3355ca3e5cfe7a0c"
    assert entry.created_at == datetime(
        2014, 5, 21, 14, 23, 10, tzinfo=timezone(timedelta(hours=9))
    )
    assert entry.metadata.desc is None
    assert entry.ocr_text == "Gyazo\n"
    assert not entry.locked
    assert entry.extra == {}


def test_locked_entry_has_no_id_and_can_be_shown():
    """Older images on a free plan come without id and addresses."""
    entry = Image.from_json(recorded("list")[1])

    assert entry.locked
    assert (entry.permalink_url, entry.url) == (None, None)
    assert "ocked" in entry._repr_html_()


def test_documented_detail_is_read():
    """It has null addresses, no `url`, milliseconds, and an original title."""
    entry = Image.from_json(recorded("detail"))

    assert entry.title == "A title"
    assert entry.metadata.original_title == "T"
    assert entry.created_at == datetime(2018, 7, 24, 7, 33, 24, 771000, tzinfo=UTC)
    assert entry._repr_html_()


def test_detail_without_an_address_gets_its_page_from_the_id():
    """The documented example names neither the page nor the picture."""
    detail = Image.from_json(recorded("detail"))

    assert detail.permalink_url == f"https://gyazo.com/{detail.image_id}"
    assert detail.cosense == f"[{detail.permalink_url}]"
    assert detail.permalink_url in detail.markdown


def test_search_result_is_read():
    """It has an original title, an empty alternative text, and an access policy that is null."""
    entry = Image.from_json(recorded("search")[0])

    assert (entry.metadata.original_title, entry.alt_text, entry.access_policy) == (
        "A title",
        None,
        None,
    )
    assert entry.extra == {}


def test_reply_to_an_update_has_the_alt_text_inside_the_metadata():
    """A detail may have the OCR text there, too."""
    assert Image.from_json(recorded("update")).alt_text == "A"
    assert image(metadata={"ocr": {"locale": "en", "description": "x"}}).ocr_text == "x"


def test_undocumented_fields_that_clients_recorded_are_read():
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


def test_unknown_fields_stay_reachable():
    entry = image(colors=["red"], metadata={"mood": "blue"})

    assert entry.extra == {"colors": ["red"]}
    assert entry.metadata.extra == {"mood": "blue"}


@pytest.mark.parametrize("data", [None, 5, "text", [1]])
def test_value_that_is_not_an_object_raises_an_error(data):
    """`Operation.read` translates the error."""
    with pytest.raises((TypeError, ValueError)):
        Image.from_json(data)


def test_deleted_image_has_only_id_and_type():
    """A reply to a delete has no `created_at`."""
    assert Deleted.from_json(recorded("delete")).type == "png"


def test_download_without_a_session_or_an_address_raises_an_error():
    """The error names the reason: an unpickled image, a locked one, or one without an address."""

    class Source:
        pass

    with pytest.raises(PictureError, match=r"does not belong to a session.*gyazo\.image"):
        image().download()
    with pytest.raises(PictureError, match=r"no web address.*gyazo\.images"):
        Image.from_json(recorded("detail"), Source()).download()
    with pytest.raises(PictureError, match="your plan locks it"):
        Image.from_json(recorded("list")[1], Source()).open()


def test_copied_or_pickled_image_is_equal_and_holds_no_token(gyazo):
    """An unpickled image has no connection; a copy keeps it."""
    image = gyazo.upload(PNG)

    read = pickle.loads(pickle.dumps(image))

    assert read == image == copy.copy(image) == copy.deepcopy(image)
    assert gyazo.account.token.reveal().encode() not in pickle.dumps(image)
    with pytest.raises(PictureError, match=r"gyazo\.image"):
        read.download()
    assert copy.deepcopy(image).download() == PNG


def test_page_is_a_sequence():
    """The repr contains the total."""
    page = Page(tuple(Image.from_json(entry) for entry in recorded("list")), 1, 20, total=1144)

    assert len(page) == 2
    assert page[0] is next(iter(page))
    assert len(page[:1]) == 1
    assert repr(page).splitlines()[0] == "<Page 1: 2 images of 1144>"


def test_image_has_five_notations_to_copy():
    """Link, Markdown, HTML and Cosense, and the address of the picture, each in a field of the card."""
    entry = image(metadata={"title": "A [b] *c*"})
    page, picture = entry.permalink_url, entry.url

    assert entry.markdown == rf"[![A \[b\] \*c\*]({picture})]({page})"
    assert entry.html == f'<a href="{page}"><img src="{picture}" alt="A [b] *c*"></a>'
    assert entry.cosense == f"[{page}]"
    assert entry._repr_html_().count("<textarea") == 5


def test_untitled_image_is_captioned_by_its_date():
    """In the time zone of the user, in the gallery and as the name of the link; not by its id."""
    untitled = image(created_at="2018-07-24T07:33:24.771Z")
    date = f"{untitled.created_at.astimezone():%Y-%m-%d %H:%M}"
    shown = Page((untitled,), 1, 20)._repr_html_()

    assert untitled.caption == date
    assert image(metadata={"title": "T"}).caption == "T"
    assert f'alt="{date}"' in shown
    assert f"{untitled.image_id}</div>" not in shown
    assert f'alt="Image of {date}"' in untitled._repr_html_()
    assert image(created_at="9999-12-31T23:59:59-14:00").caption == "Untitled"
    assert image(image_id="", permalink_url=None).caption == "Locked"


def test_text_of_an_image_is_its_link():
    """As `print(image)` shows it, where an upload is not the last line of a cell."""
    assert str(image()) == "https://gyazo.com/8980c52421e452ac3355ca3e5cfe7a0c"
    assert str(image(image_id="", permalink_url=None)) == "Image('locked')"


def test_repr_says_who_can_see_an_image_if_it_is_known():
    assert repr(image(access_policy="only_me")).endswith(", access_policy='only_me')")
    assert "access_policy" not in repr(image())


def test_repr_of_an_image_is_one_line():
    """A terminal shows the page and the title."""
    assert repr(image(metadata={"title": "T"})) == (
        "Image('https://gyazo.com/8980c52421e452ac3355ca3e5cfe7a0c', title='T')"
    )
