"""Who can see an upload: the default of the settings, what Gyazo says, and the warning."""

import pytest
from support.batches import fail_uploads, pictures, upload_requests
from support.helpers import PNG

from gyazo_nb import AccessPolicyWarning, ArgumentError, ConfigError, Gyazo
from gyazo_nb.sandbox import Fault


def stored_policies(server):
    return [image.access_policy for image in reversed(server.sandbox.images)]


def details_requests(server):
    return [r for r in server.sandbox.requests if r.path.startswith("/api/images/")]


def test_default_applies_where_the_call_names_no_policy(call, gyazo, server, monkeypatch):
    """An argument wins, of a single upload and of a batch, also as a function of the item."""
    monkeypatch.setenv("GYAZO_ACCESS_POLICY", "only_me")
    one, two, three, four, five = pictures(5)

    call(gyazo, "upload", one)
    call(gyazo, "upload", two, access_policy="anyone")
    call(gyazo, "upload_all", [three], progress=False)
    policies = {four: None, five: "anyone"}
    options = {"access_policy": policies.get, "progress": False, "concurrency": 1}
    call(gyazo, "upload_all", [four, five], **options)

    assert stored_policies(server) == ["only_me", "anyone", "only_me", "only_me", "anyone"]


def test_wrong_default_is_refused_before_any_request(call, gyazo, server, monkeypatch):
    """The error names the variable. A call with its own policy does not need the default."""
    monkeypatch.setenv("GYAZO_ACCESS_POLICY", "private")

    for name, items in (("upload", PNG), ("upload_all", [PNG])):
        with pytest.raises(
            ConfigError, match=r"^GYAZO_ACCESS_POLICY must be anyone or only_me.*'pri"
        ):
            call(gyazo, name, items)
    assert server.sandbox.requests == []

    assert call(gyazo, "upload", PNG, access_policy="only_me").access_policy == "only_me"


def test_empty_policy_is_an_error_and_not_the_default(call, gyazo, monkeypatch):
    monkeypatch.setenv("GYAZO_ACCESS_POLICY", "only_me")

    with pytest.raises(ArgumentError, match="access_policy must be"):
        call(gyazo, "upload", PNG, access_policy="")


def test_new_image_says_who_can_see_it(call, gyazo, server):
    """Everyone with the link, without another request. That only you can see it, Gyazo must confirm."""
    public = call(gyazo, "upload", PNG)
    assert details_requests(server) == []
    private = call(gyazo, "upload", PNG + b"2", access_policy="only_me", title="mine")

    assert (public.access_policy, public.who_can_see) == ("anyone", "everyone with the link")
    assert (private.access_policy, private.who_can_see) == ("only_me", "only you")
    assert private.title == "mine"
    assert "Who can see it: everyone with the link" in public._repr_html_()
    assert "Who can see it: only you" in private._repr_html_()
    assert (public.warning, private.warning) == ("", "")


def test_existing_public_image_is_reported_when_only_me_was_asked(call, gyazo, server):
    """As a warning each time, and in the card, the plain text and the property."""
    call(gyazo, "upload", PNG)

    for _ in range(2):  # as when a cell runs again
        with pytest.warns(AccessPolicyWarning, match="is still public.*did not apply") as shown:
            image = call(gyazo, "upload", PNG, access_policy="only_me")
        assert len(shown) == 1

    assert stored_policies(server) == ["anyone"]
    assert image.access_policy == "anyone"
    for text in (image._repr_html_(), repr(image), image.warning):
        assert "is still public: everyone with the link can see it" in text
        assert "or delete it with gyazo.delete(" in text.replace("&#x27;", "'")
    call(gyazo, "delete", image.image_id)
    assert call(gyazo, "upload", PNG, access_policy="only_me").access_policy == "only_me"


def test_default_of_the_settings_is_reported_in_the_same_way(call, gyazo, monkeypatch):
    call(gyazo, "upload", PNG)
    monkeypatch.setenv("GYAZO_ACCESS_POLICY", "only_me")

    with pytest.warns(AccessPolicyWarning, match="still public"):
        call(gyazo, "upload", PNG)


def test_batch_reports_public_images_in_one_warning(call, gyazo, server):
    """Three are named, with the number of the others, in the report as gallery and as text."""
    items = pictures(6)
    call(gyazo, "upload_all", items[:5], progress=False)

    with pytest.warns(AccessPolicyWarning, match="The same is true of 2 more images") as shown:
        report = call(gyazo, "upload_all", items, access_policy="only_me", progress=False)

    assert len(shown) == 1
    assert report._repr_html_().count("is still public") == 3
    assert repr(report).count("is still public") == 3
    assert "Who can see them: everyone with the link (5), only you (1)" in report._repr_html_()


def test_each_public_image_is_reported_once(call, gyazo, server):
    """Not twice for identical items. A retry warns only about the images that it uploads."""
    failed, public = pictures(2)
    call(gyazo, "upload_all", [failed, public], progress=False)
    fail_uploads(server, 1)
    options = {"access_policy": "only_me", "concurrency": 1, "progress": False}

    with pytest.warns(AccessPolicyWarning, match="is still public") as shown:
        report = call(gyazo, "upload_all", [failed, public, public], **options)
    with pytest.warns(AccessPolicyWarning, match="is still public") as shown_by_retry:
        call(report, "retry")
    call(report, "retry")  # without a warning, which would be an error

    messages = [str(one.message) for one in (*shown, *shown_by_retry)]
    assert [message.count("is still public") for message in messages] == [1, 1]
    assert str(report[0]) in messages[1]


def test_resumed_batch_reports_a_recorded_public_image(call, gyazo, server, tmp_path):
    """The image is not sent again, so that only the resume file knows who can see it."""
    journal = tmp_path / "batch.jsonl"
    call(gyazo, "upload_all", [PNG], resume=journal, progress=False)

    with pytest.warns(AccessPolicyWarning, match="still public"):
        call(gyazo, "upload_all", [PNG], resume=journal, access_policy="only_me", progress=False)

    assert len(upload_requests(server)) == 1


def test_existing_private_image_is_reported_when_anyone_was_asked(call, gyazo):
    """A link that others cannot open is a surprise, too."""
    call(gyazo, "upload", PNG, access_policy="only_me")

    with pytest.warns(AccessPolicyWarning, match="Only you can see http"):
        call(gyazo, "upload", PNG, access_policy="anyone")
    assert call(gyazo, "upload", PNG).who_can_see == "only you"


def test_failure_of_the_second_request_does_not_fail_the_upload(call, server, urls):
    """The upload has succeeded: the card then says less, and the warning that it is not known."""
    server.sandbox.faults.append(Fault(path="/api/images/", status=500, times=100))
    with Gyazo(server.sandbox.new_token(), **urls) as gyazo:
        call(gyazo, "upload", PNG)

        again = call(gyazo, "upload", PNG)
        private = call(gyazo, "upload", PNG + b"2", access_policy="only_me")
        with pytest.warns(AccessPolicyWarning, match="may be public"):
            unknown = call(gyazo, "upload", PNG, access_policy="only_me")

    assert len(details_requests(server)) == 3  # not repeated: the result must not be late
    assert again.was_there
    assert "Who can see it: see its page" in again._repr_html_()
    assert "only you, as this upload asked (Gyazo does not confirm it" in private._repr_html_()
    assert unknown.who_can_see == ""
