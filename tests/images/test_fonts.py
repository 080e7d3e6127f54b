"""Texts that need a font which this machine does not have are refused."""

import numpy as np
import plotly.graph_objects as go
import pytest

from gyazo_nb import PictureError
from gyazo_nb.images import fonts
from gyazo_nb.images.convert import file_part
from gyazo_nb.images.fonts import missing_characters
from gyazo_nb.images.render import from_mime_bundle

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(autouse=True)
def _fontconfig(tmp_path, monkeypatch):
    """The fonts of this machine have Latin and Greek letters."""
    program = tmp_path / "fc-list"
    program.write_text("#!/bin/sh\nprintf '20-7e a0-24f 20-7e 3b1-3c9 2603 '")
    program.chmod(0o700)
    monkeypatch.setattr(fonts.sys, "platform", "linux")
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("größer µ", ""),
        ("αβγ ☃", ""),
        ("売上 αβ 売", "上売"),
        ("e\u0301\u200d\ufe0f\u3000\u2009", ""),
    ],
)
def test_missing_characters_are_those_of_no_font(text, missing):
    assert "".join(missing_characters(text)) == missing


def test_no_character_is_missing_where_fonts_are_unknown(monkeypatch):
    for platform, path in (("darwin", None), ("linux", "/nowhere")):
        monkeypatch.setattr(fonts.sys, "platform", platform)
        if path:
            monkeypatch.setenv("PATH", path)
        assert missing_characters("売") == []


@pytest.mark.parametrize(
    "figure",
    [
        go.Figure(go.Scatter(y=[1]), layout={"title": {"text": "売"}}),
        go.Figure(go.Bar(x=["売", "b"], y=[1, 2])),
        go.Figure(go.Bar(x=np.array(["売", "b"]), y=[1, 2])),
        go.Figure(go.Bar(y=[1]), layout={"annotations": [{"text": "a 売"}]}),
        go.Figure(go.Scatter(y=[1], mode="markers+text", text=["売"])),
        go.Figure(go.Heatmap(z=[[1]], text=[["売"]], texttemplate="%{text}")),
    ],
    ids=["title", "labels", "array", "annotation", "points", "cells"],
)
def test_plotly_text_without_a_font_is_refused(figure):
    bundle = {"application/vnd.plotly.v1+json": figure.to_plotly_json()}
    for render in (lambda: file_part(figure), lambda: from_mime_bundle(bundle)):
        with pytest.raises(PictureError, match="No font for the characters '売'"):
            render()


def test_plotly_text_that_the_picture_does_not_show_is_accepted(monkeypatch):
    """Only hovering or an animation shows it, or it is the name of a font."""
    monkeypatch.setattr(go.Figure, "to_image", lambda *_, **__: PNG)
    trace = go.Bar(y=[1], hovertext=["売"], hovertemplate="売", customdata=["売"], ids=["売"])
    points = go.Scatter(y=[1], mode="markers", text=["売"])
    layout = {"meta": "売", "font": {"family": "売"}}

    figure = go.Figure([trace, points], layout=layout, frames=[go.Frame(name="売")])
    assert file_part(figure).content == PNG
