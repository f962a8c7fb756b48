"""Hints of new images: events of the object store, so that an image is tagged within seconds of its upload."""
