"""Pictures in the pages that a notebook shows: data URLs, SVG, charts, animations and videos."""

import base64
import importlib
import io
import json
import sys
import timeit

import altair as alt
import IPython.display
import matplotlib as mpl
import numpy as np
import plotly.graph_objects as go
import pytest
from matplotlib.animation import FuncAnimation
from matplotlib.figure import Figure
from PIL import Image, ImageColor, ImageSequence

from gyazo_nb import PictureError
from gyazo_nb.images.convert import file_part
from gyazo_nb.images.page import pictures_in, refuse_chart
from gyazo_nb.images.render import from_mime_bundle

mpl.use("agg")


def png(color="red"):
    out = io.BytesIO()
    Image.new("RGB", (4, 3), color).save(out, "PNG")
    return out.getvalue()


def data_url(data, mime_type="image/png"):
    return f"data:{mime_type};base64,{base64.b64encode(data).decode()}"


MP4 = b"\0\0\0\x18ftypmp42" + bytes(40)


@pytest.mark.parametrize(
    ("page", "pictures"),
    [
        (f"<img src='{data_url(png())}'><img src={data_url(png('blue'))} width=3>", "red blue"),
        (
            f'<video controls><source type="video/mp4" src="{data_url(MP4, "video/mp4")}"></video>',
            "mp4",
        ),
        (f'<video src="{data_url(MP4, "video/mp4")}" autoplay></video>', "mp4"),
        ("""<img src="data:image/gif,GIF8'<a>'">""", "gif"),
        (f'<script>a = "<img src={data_url(png())}>"</script>', ""),
        (f'<img data-src="{data_url(png())}">', ""),
        (f'<!-- <img src="{data_url(png())}"> --><p>text</p>', ""),
        (f'<template><img src="{data_url(png())}"></template>', ""),
        (f'<noscript><img src="{data_url(png())}"></noscript><p>text</p>', ""),
        (f'<style>a {{background: url("{data_url(png())}")}}</style><p>text</p>', ""),
        ('<img src="https://example.com/a.png">', ""),
        ('<img src="data:image/png;base64,a">', ""),
        ("<p>Plotly.newPlot( and vegaEmbed</p>", ""),
        ("<svg xmlns='http://www.w3.org/2000/svg'></svg><table></table>", ""),
    ],
)
def test_data_urls_of_a_page(page, pictures):
    """In their order. What the page does not show does not count."""
    known = {"red": png(), "blue": png("blue"), "mp4": MP4, "gif": b"GIF8'<a>'"}

    assert pictures_in({"text/html": page}) == [known[name] for name in pictures.split()]


SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="6"><rect width="8" height="6"/></svg>'


STYLED = (
    f"<svg xmlns='http://www.w3.org/2000/svg'><style>rect {{fill: red}}</style>{SVG}<svg/></svg>"
)


@pytest.mark.parametrize(
    ("page", "colors"),
    [
        (SVG, "black"),
        (f"<?xml version='1.0'?>\n<!DOCTYPE svg>{SVG}", "black"),
        (f"<div><p style='a'>\n{SVG}</p></div>\n<script>a < b</script>", "black"),
        (f"<div style='display:flex'><!-- <svg> -->{STYLED} <span>{SVG}</span></div>", "red red"),
        (f"<div><STYLE scoped>g > a, rect {{fill: red}}</STYLE>{SVG}</div>", "red"),
        (f"<!-- <style>rect {{fill: red}}</style> -->{SVG}", "black"),
        (f"{SVG} and {SVG}", ""),
        (f"{SVG}</svg>", ""),
        (f"<svg>{SVG}", ""),
    ],
)
def test_page_that_shows_only_svgs_is_rendered(page, colors):
    """Each with all styles of the page, as in a browser. A page with other texts is not a picture."""
    pictures = [Image.open(io.BytesIO(one)) for one in pictures_in({"text/html": page})]

    assert [one.convert("RGB").getpixel((4, 3)) for one in pictures] == [
        ImageColor.getrgb(one) for one in colors.split()
    ]


@pytest.mark.parametrize(
    ("item", "picture"),
    [
        (IPython.display.HTML(f"<img src='{data_url(png())}'>"), png()),
        (IPython.display.Markdown(f"![a]({data_url(png())})"), png()),
        (IPython.display.Video(MP4, embed=True, mimetype="video/mp4"), MP4),
    ],
    ids=["HTML", "Markdown", "Video"],
)
def test_displayed_page_as_an_item_is_its_picture(item, picture):
    """`%gyazo` alone uploads the same picture after a cell displayed the object."""
    assert file_part(item).content == picture


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (
            IPython.display.HTML(f"<img src='{data_url(png())}'>" * 2),
            "shows 2 pictures.*%gyazo  alone",
        ),
        (IPython.display.HTML("<b>text</b>"), "not a picture: .* displayed as a page.*screenshot"),
        (IPython.display.Video("https://example.com/a.mp4"), "This Video is not a picture"),
    ],
    ids=["several", "text", "address"],
)
def test_page_that_is_not_one_picture_is_refused(item, words):
    with pytest.raises(PictureError, match=words):
        file_part(item)


def test_picture_of_a_bundle_is_preferred_to_its_page():
    assert pictures_in({"text/html": SVG, "image/png": png()}) == [png()]


# ── animations of Matplotlib ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("mode", "plays"), [("loop", 0), ("once", None)])
def test_frames_of_an_interactive_animation_are_joined(mode, plays):
    """As the page shows them: the same pixels, durations and repetitions."""
    figure = Figure(figsize=(1, 1))
    (line,) = figure.subplots().plot([0, 1])
    animation = FuncAnimation(figure, lambda n: line.set_ydata([0, n]), frames=4, interval=200)
    page = animation.to_jshtml(default_mode=mode)
    (picture,) = pictures_in({"text/html": page})

    sent = Image.open(io.BytesIO(picture))
    assert sent.info.get("loop") == plays
    urls = [text.split('"')[0] for text in page.split("data:image/png;base64,")[1:]]
    shown = [Image.open(io.BytesIO(base64.b64decode(url))).convert("RGB") for url in urls]
    frames = [(one.info["duration"], one.convert("RGB")) for one in ImageSequence.Iterator(sent)]
    assert [duration for duration, _ in frames] == [200] * 4
    for (_, frame), expected in zip(frames, shown, strict=True):
        assert (np.asarray(frame) == np.asarray(expected)).all()


# ── charts ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.filterwarnings("ignore")  # those of kaleido and plotly
@pytest.mark.slow
def test_plotly_figure_of_a_page_is_rendered(kaleido, monkeypatch, tmp_path):
    """From the data in the page, and from the file to which the page of an `iframe` refers."""
    monkeypatch.chdir(tmp_path)
    figure = go.Figure(go.Bar(y=[1, 2]), layout={"title": {"text": "</script> \"a\" 'b'"}})
    renderers = importlib.import_module("plotly.io._renderers").renderers
    expected = figure.to_image(format="png")

    for name in ("colab", "iframe"):
        bundle = renderers._build_mime_bundle(figure.to_dict(), name)
        assert pictures_in(bundle) == [expected], name


def test_page_of_an_iframe_that_is_missing_is_explained(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    page = '<iframe\n    src="iframe_figures/figure_3.html"\n></iframe>'

    with pytest.raises(PictureError, match=r"figure_3.html.*%gyazo fig"):
        pictures_in({"text/html": page})


@pytest.mark.parametrize("source", ["../secret.html", "/etc/passwd", "iframe_figures/../a.html"])
def test_other_files_are_not_read(source):
    """A page cannot make the upload read a file of the user."""
    assert pictures_in({"text/html": f'<iframe\n src="{source}"></iframe>'}) == []


@pytest.mark.slow
def test_altair_chart_of_a_page_is_rendered():
    """From the data in the page: the renderers of classic pages show no picture."""
    chart = alt.Chart(alt.Data(values=[{"a": "</b>", "b": 2}])).mark_bar().encode(x="a:O", y="b:Q")
    vega_type = "application/vnd.vegalite.v5+json"
    expected = from_mime_bundle({vega_type: chart.to_dict()})

    for name in ("html", "olli"):
        with alt.renderers.enable(name):
            page = chart._repr_mimebundle_()["text/html"]
        assert pictures_in({"text/html": page}) == [expected], name


@pytest.mark.parametrize(
    ("mime_type", "way"),
    [
        ("application/vnd.bokehjs_exec.v0+json", "bokeh.io.export_png"),
        ("application/vnd.holoviews_exec.v0+json", "hv.save"),
    ],
)
def test_chart_that_only_its_library_draws_names_the_way(mime_type, way):
    assert pictures_in({mime_type: "", "text/html": "<div></div>"}) == []
    with pytest.raises(PictureError, match=way):
        refuse_chart({mime_type: "", "text/plain": "a chart"})


def test_scripts_without_json_are_not_charts():
    """For example a chart whose data another script loads."""
    for call in ("Plotly.newPlot('a', [load()], {})", "})({a: 1}); vegaEmbed()", json.dumps("{")):
        assert pictures_in({"text/html": f"<script>{call}</script>"}) == []


@pytest.mark.parametrize("start", ["<script>", "<img ", "<iframe ", "<svg ", "<svg>", "<p>", " "])
def test_time_is_linear_in_the_length_of_a_page(start):
    """A notebook that comes from elsewhere cannot stop the kernel."""

    def seconds(number):
        page = {"text/html": start * number}
        return min(timeit.repeat(lambda: pictures_in(page), number=1, repeat=5))

    seconds(10)
    assert seconds(8000) < 30 * seconds(1000)  # 64 times for a square


def test_page_of_deeply_nested_data_is_not_a_chart():
    """The reader of JSON has a limit for the depth."""
    page = "<script>Plotly.newPlot('a', " + "[" * 100_000 + "</script>"
    assert pictures_in({"text/html": page}) == []


@pytest.mark.parametrize(
    "layout",
    [
        {"images": [{"source": "ht\ttp://127.0.0.1:9/a.png"}]},
        {"images": [{"source": "\x01http://127.0.0.1:9/a.png"}]},
        {"map": {"style": {"sprite": "http://127.0.0.1:9/a"}}},
        {"map": {"style": {"glyphs": "http://127.0.0.1:9/a"}}},
        {"map": {"style": {"sources": {"a": {"data": "http://127.0.0.1:9/a"}}}}},
        {"map": {"style": {"sources": {"a": {"urls": ["http://127.0.0.1:9/a"]}}}}},
        {"images": [{"source": "../../home/private.png"}]},
        {"images": [{"source": "a\\..\\..\\private.png"}]},
        {"images": [{"source": "da ta:/../../../private.png"}]},
    ],
)
def test_plotly_figure_with_an_address_is_refused(layout):
    """Chrome, which draws the figure, would load each of them, also a path relative to its page."""
    with pytest.raises(PictureError, match="from an address, which is not loaded here"):
        from_mime_bundle({"application/vnd.plotly.v1+json": {"data": [], "layout": layout}})


@pytest.mark.parametrize("family", ["map", "mapbox"])
@pytest.mark.parametrize("kind", ["scatter", "choropleth", "density"])
def test_plotly_map_of_tiles_is_refused(family, kind):
    """Chrome would load the tiles, also if the figure names no style."""
    for layout in ({}, {family: {"style": "open-street-map"}}, {family: {"style": {}}}):
        figure = {"data": [{"y": [1]}, {"type": kind + family}], "layout": layout}
        with pytest.raises(PictureError, match="map from an address.*upload the figure itself"):
            pictures_in({"application/vnd.plotly.v1+json": figure})
        with pytest.raises(PictureError, match="map from an address"):
            pictures_in(
                {"text/html": f"<script>Plotly.newPlot('a', {json.dumps(figure['data'])}, {{}})"}
            )


def test_address_in_the_data_of_a_plotly_figure_is_text(monkeypatch):
    """The check raises no error. Then the missing library raises one."""
    monkeypatch.setitem(sys.modules, "kaleido", None)
    properties = {"source": "https://example.com", "url": "a/b"}
    areas = {"type": "FeatureCollection", "features": [{"properties": properties}]}
    trace = {"type": "choropleth", "geojson": areas, "customdata": [properties]}
    for figure in ({"data": [trace]}, {"layout": {"meta": properties}}):
        with pytest.raises(PictureError, match="pip install kaleido"):
            pictures_in({"application/vnd.plotly.v1+json": figure})


def test_chart_of_vegafusion_is_rendered(upload):
    """Altair shows it with a specification of Vega, whose data are a list."""
    spec = {
        "$schema": "https://vega.github.io/schema/vega/v6.json",
        "width": 20,
        "height": 10,
        "data": [{"name": "a", "values": [{"b": 1}]}],
        "marks": [
            {
                "type": "rect",
                "from": {"data": "a"},
                "encode": {
                    "enter": {
                        "width": {"value": 20},
                        "height": {"value": 10},
                        "fill": {"value": "red"},
                    }
                },
            }
        ],
    }
    page = '<script>vegaEmbed; (function(spec, embedOpt){})(SPEC, {"mode": "vega"});</script>'
    (picture,) = pictures_in({"text/html": page.replace("SPEC", json.dumps(spec))})

    assert upload(picture).convert("RGB").getpixel((10, 5)) == (255, 0, 0)
    spec["data"][0]["url"] = "http://127.0.0.1:9/a.csv"
    with pytest.raises(PictureError, match="takes its data from a file or an address"):
        pictures_in({"text/html": page.replace("SPEC", json.dumps(spec))})


def test_vegalite_chart_as_a_text_is_refused():
    """The library would read the text, and load the address in it."""
    spec = '{"data": {"url": "http://127.0.0.1:9/a.csv"}, "mark": "point"}'
    with pytest.raises(PictureError, match="data of this Vega-Lite chart are damaged"):
        from_mime_bundle({"application/vnd.vegalite.v5+json": spec})
