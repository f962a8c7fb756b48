"""Labelled images: finding, reading and splitting them."""
