"""What a file is, by its first bytes: so that a rejection can say so, and no decoder meets what it is not for."""

DECODED = frozenset({"JPEG", "PNG", "WEBP", "GIF", "BMP"})
"""Pillow's names of the formats that are read. All else it could open is refused: most of its CVEs lie there."""

_AT_START: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"8BPS", "Photoshop"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"\x00\x00\x01\x00", "an icon"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "gzip data"),
)
_BRANDS: tuple[tuple[bytes, str], ...] = (
    (b"avif", "AVIF"),
    (b"avis", "AVIF"),
    (b"heic", "HEIC"),
    (b"heix", "HEIC"),
    (b"hevc", "HEIC"),
    (b"mif1", "HEIF"),
    (b"msf1", "HEIF"),
)
_MARKUP: tuple[tuple[bytes, str], ...] = (
    (b"<svg", "SVG"),
    (b"<!doctype html", "HTML"),
    (b"<html", "HTML"),
    (b"<?xml", "XML"),
)


def kind_of(data: bytes) -> str:
    """One of DECODED, or the name of another kind, or "of no known kind"."""
    head = data[:1024]
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        return next((kind for brand, kind in _BRANDS if brand in head[8:64]), "a video")
    named = next((kind for magic, kind in _AT_START if head.startswith(magic)), None)
    return named or _text(head)


def _text(head: bytes) -> str:
    if b"\x00" in head:
        return "of no known kind"
    lowered = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    markup = next((kind for tag, kind in _MARKUP if tag in lowered), None)
    if markup and lowered.startswith(b"<"):
        return markup
    readable = sum(byte in b"\t\r\n" or 32 <= byte < 127 or byte >= 160 for byte in head)
    return "text" if readable >= 0.95 * len(head) else "of no known kind"
