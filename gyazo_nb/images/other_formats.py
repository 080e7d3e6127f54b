"""Recognizes data that Gyazo does not accept by its first bytes, before it is sent.

Guarantees: a format that PNG can replace without loss, such as TIFF and BMP, is converted with Pillow.
For each other format, an error names the format and the way to a picture.
"""

from __future__ import annotations

import codecs
import importlib
import io
import re
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from gyazo_nb.errors import PictureError, reason_of

from .pil_images import encode

# The name, the pattern of the first bytes, and the name of Pillow's plugin.
_CONVERTIBLE = (
    ("TIFF", rb"(?:II[*+]\0|MM\0[*+])", "TIFF"),
    ("BMP", rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", "BMP"),
    ("JPEG 2000", rb"(?:\0\0\0\x0cjP  \r\n|\xff\x4f\xff\x51)", "JPEG2000"),
    ("PNM", rb"P[1-6]\s+(?:#[^\n]*\n\s*)*\d+\s+\d+\s", "PPM"),
    ("QOI", rb"qoif.{8}[\x03\x04][\0\x01]", "QOI"),
)

_WITH_PILLOW = "upload it with  gyazo.upload(PIL.Image.open(path))"
_AS_PNG = "save it as PNG in the program that made it"
_UNPACK = "unpack it, and upload the pictures in it"
_TO_VIDEO = "convert it to MP4 or GIF, for example with  ffmpeg -i FILE video.mp4"
_PDF_TO_PNG = "save its page as PNG, for example with  pymupdf.open(path)[0].get_pixmap(dpi=150).save('page.png')"
_ARRAY = "read it, and upload an array of its pixels"

# Without a color map, or with one; then the size, the bits of a pixel, and flags.
_TGA = (
    rb".(?:\0[\x02\x03\x0a\x0b]\0{5}|\x01[\x01\x09]\0\0.{3}).{8}[\x01\x08\x0f\x10\x18\x20][\0-\x3f]"
)

# The name, the pattern of the first bytes, and the way.
_OTHERS = (
    ("a PDF", rb"%PDF-", _PDF_TO_PNG),
    ("a PostScript file", rb"(?:%!|\xc5\xd0\xd3\xc6)", _AS_PNG),
    ("a Photoshop file", rb"8BPS", _WITH_PILLOW),
    ("an icon (ICO)", rb"\0\0[\x01\x02]\0[^\0]\0", _WITH_PILLOW),
    ("an icon (ICNS)", rb"icns", _WITH_PILLOW),
    ("a DDS texture", rb"DDS ", _WITH_PILLOW),
    ("an SGI image", rb"\x01\xda[\0\x01][\x01\x02]", _WITH_PILLOW),
    ("a PCX image", rb"(?:\n[\0-\x05]\x01[\x01\x02\x04\x08]|\xb1\x68\xde\x3a)", _WITH_PILLOW),
    ("a Photo CD image", rb".{2048}PCD_", _WITH_PILLOW),
    ("a TGA image", _TGA, _WITH_PILLOW),
    ("a FLIC animation", rb".{4}[\x11\x12]\xaf", _WITH_PILLOW),
    ("a JPEG XL image", rb"(?:\xff\x0a|\0\0\0\x0cJXL )", _AS_PNG),
    ("a GIMP file", rb"gimp xcf", _AS_PNG),
    ("an OpenEXR image", rb"v/1\x01", _ARRAY),
    ("a Radiance HDR image", rb"#\?(?:RADIANCE|RGBE)", _ARRAY),
    ("a FITS file", rb"SIMPLE  =", _ARRAY),
    ("a DICOM file", rb".{128}DICM", _ARRAY),
    ("an array of numpy", rb"\x93NUMPY", "upload the array:  gyazo.upload(np.load(path))"),
    ("an HDF5 file", rb"\x89HDF\r\n", _ARRAY),
    ("a Parquet file", rb"PAR1", "plot it, and upload the figure"),
    ("an SQLite database", rb"SQLite format 3\0", "plot it, and upload the figure"),
    ("a ZIP archive", rb"PK(?:\x03\x04|\x05\x06|\x07\x08)", _UNPACK),
    ("a gzip file", rb"\x1f\x8b", _UNPACK),
    ("a bzip2 file", rb"BZh[1-9]", _UNPACK),
    ("an xz file", rb"\xfd7zXZ\0", _UNPACK),
    ("a zstd file", rb"\x28\xb5\x2f\xfd", _UNPACK),
    ("a 7z archive", rb"7z\xbc\xaf\x27\x1c", _UNPACK),
    ("a RAR archive", rb"Rar!\x1a\x07", _UNPACK),
    ("a tar archive", rb".{257}ustar", _UNPACK),
    ("a Matroska or WebM video", rb"\x1a\x45\xdf\xa3", _TO_VIDEO),
    ("an AVI video", rb"RIFF.{4}AVI ", _TO_VIDEO),
    ("an Ogg file", rb"OggS", _TO_VIDEO),
    ("a Flash video", rb"FLV\x01", _TO_VIDEO),
    ("an MPEG video", rb"\0\0\x01[\xb3\xba]", _TO_VIDEO),
    ("a sound (WAV)", rb"RIFF.{4}WAVE", "upload a plot of it"),
    ("a sound (MP3)", rb"ID3[\x02-\x04]", "upload a plot of it"),
    ("a Windows metafile", rb"(?:\xd7\xcd\xc6\x9a|\x01\0\0\0.{36} EMF)", _AS_PNG),
    ("a program", rb"(?:\x7fELF|MZ.{58}\0)", "pass the path of a picture"),
)  # fmt: skip

_TEXTS = (
    ("HTML", rb"<!doctype\s+html|<html\b|<(?:head|body|div|table|p)\b", "upload the figure that it shows, or a screenshot"),
    ("JSON", rb"[\[{]\s*[\[{\"\d\]}-]", "plot it, and upload the figure"),
    ("XML", rb"<\?xml\b", "plot it, and upload the figure"),
    ("a data: URL", rb"data:", "pass the bytes of the picture"),
    ("a pointer of Git LFS", rb"version https://git-lfs", "run  git lfs pull  and upload it again"),
)  # fmt: skip
# Characters of no text. Escape (1b) is a part of ISO-2022-JP.
_CONTROL = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]")
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

_FILE_OF_ERROR = re.compile(r" (?:<.*>|'.*')$")  # the file, which the sentence names already
_VAGUE_FORMATS = {"TGA"}  # Pillow takes almost any data for them
_BITS_PER_SAMPLE, _SUBFILE_TYPE = 258, 254  # TIFF tags
_BITS = 8  # of each color that Pillow keeps


def is_convertible(head: bytes) -> bool:
    """Whether data has a format that becomes a PNG, by its first bytes."""
    return any(re.match(pattern, head, re.DOTALL) for _, pattern, _ in _CONVERTIBLE)


def convert_or_refuse(content: bytes | Path | BinaryIO, head: bytes, what: str) -> bytes | None:
    """Convert data to PNG without loss, or refuse it. Returns None for unknown binary data: Gyazo decides."""
    for name, pattern, plugin in _CONVERTIBLE:
        if re.match(pattern, head, re.DOTALL):
            return _to_png(content, name, plugin, what)
    for name, pattern, way in _OTHERS:
        if re.match(pattern, head, re.DOTALL):
            raise PictureError(f"{what} is {name}, which Gyazo does not accept: {way}.")
    if _is_text(head):
        start = head.removeprefix(codecs.BOM_UTF8).lstrip()
        for name, pattern, way in _TEXTS:
            if re.match(pattern, start, re.IGNORECASE):
                raise PictureError(f"{what} is text, not a picture ({name}): {way}.")
        raise PictureError(f"{what} is text, not a picture: Gyazo accepts PNG, JPEG and GIF.")
    if known := _known_to_pillow(head):
        name, way = known
        raise PictureError(f"{what} is of the format {name}, which Gyazo does not accept: {way}.")
    return None


def _known_to_pillow(head: bytes) -> tuple[str, str] | None:
    """Return the name of a rare format that Pillow recognizes, and the way; or None."""
    with suppress(Exception):  # Pillow is missing, or the header is not complete
        pillow = importlib.import_module("PIL.Image")
        pillow.init()
        formats = sorted(set(pillow.OPEN) - _VAGUE_FORMATS)
        with pillow.open(io.BytesIO(head), formats=formats) as image:
            # Pillow recognizes some scientific files that it does not read.
            is_stub = isinstance(image, importlib.import_module("PIL.ImageFile").StubImageFile)
            return image.format_description or image.format, _ARRAY if is_stub else _WITH_PILLOW
    return None


def _is_text(head: bytes) -> bool:
    if head.startswith(UTF16_MARKS):
        encoding = "utf-16"
    elif not _CONTROL.search(head):  # for example Shift JIS
        return True
    else:
        encoding = "utf-8"
    try:
        # An incremental decoder accepts an incomplete character at the end.
        text = codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return False
    return "\0" not in text


def _to_png(content: bytes | Path | BinaryIO, name: str, plugin: str, what: str) -> bytes:
    try:
        pillow = importlib.import_module("PIL.Image")
    except ImportError:
        raise PictureError(
            f"{what} is a {name} file, which Gyazo does not accept: run  %pip install pillow  to upload "
            f"it as PNG."
        ) from None
    file: Any = content
    if not isinstance(content, Path):
        file = io.BytesIO(content if isinstance(content, bytes) else content.read())
    try:
        with pillow.open(file, formats=(plugin,)) as image:
            _check_lossless(image, name, what)
            return encode(image)
    except PictureError:
        raise
    except Exception as error:
        reason = _FILE_OF_ERROR.sub("", reason_of(error))
        raise PictureError(
            f"{what} is a {name} file, which Gyazo does not accept, and it cannot be converted to PNG "
            f"({type(error).__name__}: {reason}): {_AS_PNG}."
        ) from error


def _check_lossless(image: Any, name: str, what: str) -> None:
    """Refuse a file of which Pillow reads only a part."""
    pages = getattr(image, "n_frames", 1)
    tags = getattr(image, "tag_v2", {})
    if tags.get(_SUBFILE_TYPE, 0) & 1:
        raise PictureError(
            f"{what} is a camera file (RAW), of which only a small preview can be read: develop it, and "
            f"upload the JPEG."
        )
    if pages > 1:
        raise PictureError(
            f"{what} is a {name} file with {pages} pages: upload each page, for example  "
            f"image = PIL.Image.open(path); image.seek(0); gyazo.upload(image)."
        )
    bits = tags.get(_BITS_PER_SAMPLE, (_BITS,))
    if len(image.getbands()) > 1 and max(bits if isinstance(bits, tuple) else (bits,)) > _BITS:
        raise PictureError(
            f"{what} is a {name} file with {max(bits)} bits per color, which would be cut to {_BITS}: "
            f"{_WITH_PILLOW} if that is enough."
        )
