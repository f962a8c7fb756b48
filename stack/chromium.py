"""The browser in which pages are tested and measured: Chromium or Chrome, with nothing of its own to ask for."""

import shutil

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
"""Its program; None where there is none."""
FLAGS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-quic",
    "--disable-component-update",
    "--disable-sync",
)
