"""An animation that was opened with PIL arrives frame by frame: the same pixels, durations and repetitions."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageSequence
from support.pictures import image_from_file, noise_images, open_part, picture_file

from gyazo_nb import PictureError
from gyazo_nb.images.animation import Animation
from gyazo_nb.images.convert import file_part


def shown(image):
    """What each frame shows, and for how long. The color of a transparent pixel does not matter."""
    if isinstance(image, bytes):
        image = Image.open(io.BytesIO(image))
    frames = []
    for index in range(getattr(image, "n_frames", 1)):
        image.seek(index)
        pixels = np.asarray(image.convert("RGBA")).copy()
        pixels[pixels[..., 3] == 0] = 0
        frames.append((pixels.tolist(), round(image.info.get("duration") or 0, 2)))
    image.seek(0)
    return frames, image.info.get("loop")


def squares(count, *, background=(0, 0, 0, 0)):
    """RGBA frames with a square that moves."""
    frames = []
    for n in range(count):
        frame = Image.new("RGBA", (16, 12), background)
        frame.paste((64 * n % 256, 128, 192, 255), (2 * n, n, 2 * n + 6, n + 6))
        frames.append(frame)
    return frames


def gif(**options):
    return picture_file("GIF", *squares(4), **({"duration": [40, 70, 200, 0]} | options))


def apng(**options):
    return picture_file("PNG", *squares(4), **({"duration": [40, 75, 200, 33]} | options))


def webp(**options):
    """Opaque: Pillow does not keep the color of a transparent pixel in WebP."""
    options = {"duration": [41, 70, 200, 5], "lossless": True} | options
    return picture_file("WEBP", *squares(4, background=(9, 9, 9, 255)), **options)


FILES = {
    "gif, disposal 2": lambda: gif(disposal=2, loop=0),
    "gif, disposal 3": lambda: gif(disposal=3, loop=3),
    "gif, transparent": lambda: gif(loop=0),
    "gif, played once": lambda: gif(disposal=[1, 2, 3, 2]),
    "gif, two palettes": lambda: picture_file("GIF", *noise_images(3), *squares(2), duration=50),
    "gif without durations": lambda: picture_file("GIF", *noise_images(3)),
    "apng": lambda: apng(loop=2),
    "apng, default image": lambda: apng(default_image=True, duration=[40, 75, 200]),
    "apng, blended": lambda: apng(blend=1, disposal=[0, 1, 2, 0]),
    "apng, gray": lambda: picture_file("PNG", *noise_images(3), duration=20),
    "webp": lambda: webp(loop=0),
    "webp, lossy": lambda: webp(loop=5, lossless=False),
}  # fmt: skip


@pytest.mark.parametrize("source", ["path", "bytes", "loaded path", "loaded bytes"])
@pytest.mark.parametrize("make", FILES.values(), ids=FILES)
def test_opened_animation_arrives_frame_by_frame(upload, tmp_path, make, source):
    """Also after it was displayed, which loads it."""
    data = make()
    path = tmp_path / "a"
    path.write_bytes(data)
    image = Image.open(path if "path" in source else io.BytesIO(data))
    if "loaded" in source:
        image._repr_png_()

    sent = upload(image)
    stored = sent.fp.getvalue()

    assert shown(sent) == shown(data)
    assert image.tell() == 0
    if image.format != "WEBP" or source != "loaded bytes":  # Pillow has dropped the file
        assert stored == data
    image.close()


@pytest.mark.parametrize("source", ["path", "bytes"])
@pytest.mark.parametrize("make", FILES.values(), ids=FILES)
def test_edited_animation_keeps_its_edit_and_its_other_frames(tmp_path, make, source):
    """The image object keeps its edit, too."""
    data = make()
    path = tmp_path / "a"
    path.write_bytes(data)
    image = Image.open(path if source == "path" else io.BytesIO(data))
    ImageDraw.Draw(image).rectangle((1, 1, 3, 3), fill=1)
    edited = np.asarray(image.convert("RGBA")).tolist()

    sent = open_part(file_part(image))

    frames, loop = shown(sent)
    original, original_loop = shown(data)
    assert np.asarray(sent.convert("RGBA")).tolist() == edited or frames[0][0] != original[0][0]
    assert np.asarray(image.convert("RGBA")).tolist() == edited
    assert frames[1:] == original[1:]
    assert frames[0][1] == original[0][1]
    if sent.format == image.format:
        assert loop == original_loop
    image.close()


def test_edited_duration_arrives():
    image = image_from_file("GIF", *squares(3), duration=[40, 50, 60])
    image.info["duration"] = 500

    assert [duration for _, duration in shown(open_part(file_part(image)))[0]] == [500, 50, 60]


@pytest.mark.parametrize("edit", ["thumbnail", "later frame", "copy", "convert"])
def test_one_frame_of_an_animation_stays_one_picture(edit):
    image = Image.open(io.BytesIO(gif(disposal=2)))
    if edit == "thumbnail":
        image.thumbnail((8, 8))
    elif edit == "later frame":
        image.seek(2)
    else:
        image = image.copy() if edit == "copy" else image.convert("RGBA")

    sent = open_part(file_part(image))

    assert getattr(sent, "n_frames", 1) == 1
    assert shown(sent)[0][0][0] == np.asarray(image.convert("RGBA")).tolist()


def test_animation_whose_file_was_replaced_arrives_as_it_was_opened(tmp_path):
    """The file of a loaded WebP can be found only by its name."""
    path = tmp_path / "a.webp"
    path.write_bytes(webp())
    with Image.open(path) as image:
        image.load()
        expected = shown(webp())
        frames = [*squares(3, background=(9, 9, 9, 255)), noise_images(1)[0].resize((16, 12))]
        path.write_bytes(picture_file("WEBP", *frames, lossless=True, duration=[41, 70, 200, 5]))

        assert shown(open_part(file_part(image)))[0] == expected[0]


@pytest.mark.parametrize("edited", [False, True])
def test_closed_animation_arrives_as_far_as_its_file_is_there(tmp_path, edited):
    """If it was edited, its other frames cannot be read, and the notebook shows only the first."""
    (path := tmp_path / "a.gif").write_bytes(gif())
    with Image.open(path) as image:
        image.load()
    if edited:
        image.paste(1, (0, 0, 16, 12))

    sent = open_part(file_part(image))

    if edited:
        assert getattr(sent, "n_frames", 1) == 1
        assert shown(sent)[0][0][0] == np.asarray(image.convert("RGBA")).tolist()
    else:
        assert shown(sent) == shown(gif())


@pytest.mark.parametrize("file_format", ["PNG", "WEBP"])
def test_animation_is_sent_without_its_metadata(file_format):
    """Pixels, durations, the color profile and the orientation stay."""
    exif = Image.Exif()
    exif.update({0x0112: 6, 0x0110: "camera"})
    options = {"exif": exif, "icc_profile": b"profile" * 9, "duration": [40, 75], "lossless": True}
    data = picture_file(file_format, *squares(2, background=(1, 2, 3, 255)), **options)
    image = Image.open(io.BytesIO(data))

    part = file_part(image)
    sent = open_part(part)

    assert b"camera" not in part.content
    assert dict(sent.getexif()) == {0x0112: 6}
    assert sent.info["icc_profile"] == b"profile" * 9
    assert shown(sent)[0] == shown(data)[0]


def test_webp_keeps_its_bytes_except_the_metadata():
    exif = Image.Exif()
    exif[0x0110] = "camera"
    data = webp(exif=exif, xmp=b"<x/>")

    part = file_part(Image.open(io.BytesIO(data)))

    assert part.content_type == "image/webp"
    assert b"camera" in data
    assert b"camera" not in part.content
    assert b"<x/>" not in part.content
    assert shown(open_part(part)) == shown(data)


def flic_file():
    """Three frames of 4 x 2 pixels, 40 ms each: Pillow reads Autodesk animations and writes none."""

    def chunk(kind, body):
        return struct.pack("<IH", len(body) + 6, kind) + body

    palette = chunk(4, struct.pack("<HBB", 1, 0, 0) + bytes(range(256)) * 3)
    frames = b""
    for n in range(3):
        chunks = [palette] if not n else []
        chunks.append(chunk(16, bytes(range(8 * n, 8 * n + 8))))
        body = struct.pack("<H8x", len(chunks)) + b"".join(chunks)
        frames += struct.pack("<IH", len(body) + 6, 0xF1FA) + body
    header = struct.pack("<IHHHHHHI", 128 + len(frames), 0xAF12, 3, 4, 2, 8, 3, 40)
    return header.ljust(128, b"\0") + frames


def test_animation_of_a_format_that_gyazo_does_not_take_is_converted():
    image = Image.open(io.BytesIO(flic_file()))
    assert image.n_frames == 3

    sent = open_part(file_part(image))

    assert sent.format == "PNG"
    assert shown(sent)[0] == shown(flic_file())[0]


# ── the encoder ──────────────────────────────────────────────────────────────────────────────────


def animation(frames, durations, **options):
    result = Animation(**options)
    for frame, duration in zip(frames, durations, strict=True):
        result.add(frame, duration)
    return result


@pytest.mark.parametrize(
    ("frames", "durations", "file_format"),
    [
        (squares(4), [40, 70, 200, 90], "GIF"),
        (squares(4, background=(9, 9, 9, 255)), [40, 70, 200, 90], "GIF"),
        (noise_images(3), [10, 20, 655_350], "GIF"),
        (squares(2), [33, 40], "PNG"),
        (squares(2) + squares(2)[1:], [40, 40, 40], "PNG"),
        (squares(2, background=(9, 9, 9, 100)), [40, 40], "PNG"),
        ([Image.effect_mandelbrot((40, 40), (-2, -2, 2, 2), 99)], [40], "GIF"),
        ([Image.merge("RGB", [Image.effect_noise((40, 40), 90)] * 3)] * 2, [40, 40], "PNG"),
        ([Image.merge("RGB", [*noise_images(3)])] * 2, [70_000, 900_000], "PNG"),
    ],
    ids=["transparent", "opaque", "gray", "33 ms", "equal frames", "half transparent", "one",
         "equal", "long"],
)  # fmt: skip
@pytest.mark.parametrize("plays", [0, 1, 3])
def test_encoded_animation_is_gif_only_if_gif_keeps_it(frames, durations, file_format, plays):
    sent = Image.open(
        io.BytesIO(animation(frames, durations, plays=plays).encode({}, prefer_gif=True))
    )

    assert sent.format == file_format
    for (pixels, duration), frame, expected in zip(shown(sent)[0], frames, durations, strict=True):
        rgba = np.asarray(frame.convert("RGBA")).copy()
        rgba[rgba[..., 3] == 0] = 0
        assert pixels == rgba.tolist()
        assert duration == expected or len(frames) == 1


def test_animation_that_no_file_keeps_is_refused():
    with pytest.raises(PictureError, match="mode I;16, which no moving picture keeps.*as a file"):
        animation([Image.new("I;16", (2, 2))], [40])
    with pytest.raises(PictureError, match="100,000 seconds.*shorter duration"):
        animation(squares(2), [100_000_000, 1]).encode({}, prefer_gif=True)


def test_encoded_png_is_valid():
    """Every chunk has its checksum, and the numbers of the animation are consecutive."""
    data = animation(squares(3), [33, 33, 33]).encode({}, prefer_gif=False)

    position, numbers = 8, []
    while position < len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        body = data[position + 8 : position + 8 + length]
        (checksum,) = struct.unpack_from(">I", data, position + 8 + length)
        assert checksum == zlib.crc32(name + body)
        if name in {b"fcTL", b"fdAT"}:
            numbers.append(struct.unpack_from(">I", body)[0])
        position += 12 + length
    assert numbers == list(range(5))


# ── photos ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"quality": 5}])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_opened_photo_keeps_its_pixels(tmp_path, mode, options):
    """A JPEG that is encoded again would lose some."""
    frame = Image.merge("RGB", noise_images(3)).convert(mode)
    data = picture_file("JPEG", frame, comment=b"a note", **options)
    (path := tmp_path / "a.jpg").write_bytes(data)

    for image in (Image.open(io.BytesIO(data)), Image.open(path)):
        sent = open_part(part := file_part(image))
        assert sent.format == "JPEG"
        assert sent.tobytes() == Image.open(io.BytesIO(data)).tobytes()
        assert b"a note" not in part.content
        image.close()
    with Image.open(path) as loaded:
        loaded.load()
        assert open_part(file_part(loaded)).tobytes() == loaded.tobytes()


@pytest.mark.parametrize("edit", ["draw", "draft", "loaded from memory"])
def test_edited_photo_keeps_its_pixels(edit):
    image = Image.open(io.BytesIO(picture_file("JPEG", Image.merge("RGB", noise_images(3)))))
    if edit == "draw":
        ImageDraw.Draw(image).line((0, 0, 9, 9), fill=(255, 0, 0))
    elif edit == "draft":
        image.draft("L", (8, 8))
    image.load()

    sent = open_part(file_part(image))

    assert sent.format == "PNG"
    assert (sent.mode, sent.size, sent.tobytes()) == (image.mode, image.size, image.tobytes())


def test_each_view_of_a_photo_is_sent_without_the_others():
    views = [Image.merge("RGB", noise_images(3)), Image.merge("RGB", noise_images(3)[::-1])]
    data = picture_file("MPO", *views)
    image = Image.open(io.BytesIO(data))

    for index in range(2):
        image.seek(index)
        sent = open_part(part := file_part(image))
        assert sent.format == "JPEG"
        assert sent.tobytes() == image.tobytes()
        assert len(part.content) < 0.7 * len(data)


@pytest.mark.parametrize("kind", ["gif, disposal 2", "apng", "webp"])
@pytest.mark.parametrize("position", [0, 2])
def test_iterator_of_frames_is_uploaded_as_the_animation(upload, kind, position):
    """Also after a part of a loop, which goes on where it was."""
    image = Image.open(io.BytesIO(FILES[kind]()))
    frames = ImageSequence.Iterator(image)
    for _ in range(position):
        next(frames)
    current = image.tell()

    sent = upload(frames)

    assert shown(sent) == shown(FILES[kind]())
    assert image.tell() == current
    assert len(list(frames)) == 4 - position


def test_iterator_of_pages_is_refused():
    pages = image_from_file("TIFF", *noise_images(3))

    with pytest.raises(
        PictureError, match=r"pages of this TIFF .*upload_all\(page.copy\(\) for page in"
    ):
        file_part(ImageSequence.Iterator(pages))


@pytest.mark.parametrize(
    "make",
    [
        lambda frames: frames,
        tuple,
        iter,
        lambda frames: (frame for frame in frames),
        lambda frames: dict(enumerate(frames)),
        lambda frames: [np.asarray(frame) for frame in frames],
        lambda frames: np.stack([np.asarray(frame) for frame in frames]),
        lambda frames: np.stack([np.asarray(frame.convert("L")) for frame in frames]),
    ],
    ids=["list", "tuple", "iterator", "generator", "mapping", "arrays", "array", "gray array"],
)
def test_command_for_frames_in_a_collection_makes_their_animation(
    tmp_path, monkeypatch, make, upload
):
    """The sentence has the command that joins the frames, and the one that uploads each."""
    frames = squares(4, background=(9, 9, 9, 255))
    with pytest.raises(PictureError, match=r"gyazo.upload_all\(") as caught:
        file_part(item := make(frames))

    monkeypatch.chdir(tmp_path)
    command = str(caught.value).partition("frames[0]")[2].partition("  and upload 'a.png'")[0]
    exec(f"frames[0]{command}", {"frames": frames})
    pixels, loop = shown(upload("a.png"))

    assert type(item).__name__ in str(caught.value) or "An array" in str(caught.value)
    assert pixels == [(np.asarray(frame).tolist(), 100) for frame in frames]
    assert loop == 0


def test_collection_without_pictures_is_not_taken_for_frames():
    for item in ([], [1, 2], range(3), {"a": 1}, "abc", {1, 2}):
        with pytest.raises(PictureError) as caught:
            file_part(item)
        assert "animation" not in str(caught.value)
