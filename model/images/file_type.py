"""The type of a file by its first bytes: so that a rejection can name it, and no decoder gets what it is not for."""

DECODED = frozenset({"JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIC"})
"""Pillow's names of the formats that are read. All else it could open is refused: most of its CVEs lie there."""
READ = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF and HEIC"

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
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
    (b"heim", "HEIC"),
    (b"heis", "HEIC"),
    (b"hevc", "HEIC"),
    (b"mif1", "HEIC"),
    (b"msf1", "HEIC"),
)
_MARKUP: tuple[tuple[bytes, str], ...] = (
    (b"<svg", "SVG"),
    (b"<!doctype html", "HTML"),
    (b"<html", "HTML"),
    (b"<?xml", "XML"),
)


def type_of(data: bytes) -> str:
    """Return one of DECODED, or the name of another type, or "of no known kind"."""
    head = data[:1024]
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        return next((name for brand, name in _BRANDS if brand in head[8:64]), "a video")
    named = next((name for signature, name in _SIGNATURES if head.startswith(signature)), None)
    return named or _text(head)


def _text(head: bytes) -> str:
    if b"\x00" in head:
        return "of no known kind"
    lowered = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    markup = next((name for tag, name in _MARKUP if tag in lowered), None)
    if markup and lowered.startswith(b"<"):
        return markup
    readable = sum(byte in b"\t\r\n" or 32 <= byte < 127 or byte >= 160 for byte in head)
    return "text" if readable >= 0.95 * len(head) else "of no known kind"
