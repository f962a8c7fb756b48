"""Formats of studios and phones: TIFF, AVIF and HEIC, opened without decoding a pixel. Imported when one comes."""
