"""Trials of bundles: a photograph is decoded in a process of its own, under caps and a deadline, and classified."""

from __future__ import annotations

import io
from base64 import b64encode
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from review.access.rates import Rate
from review.problems import Problem
from worker.bootstrap import load_classifier, taxonomy_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from db.session import Sessions
    from model.bundle import Bundle
    from model.classifier import Classifier
    from model.images.decoder_pool import Decoders
    from model.images.preprocessing import Preprocessing
    from worker.settings import Settings

A_MINUTE = 120
"""Photographs that a user may try in a minute."""
_LOADED_AT_ONCE = 2
_SHOWN_EDGE = 240


@dataclass(frozen=True, slots=True)
class Tried:
    """A classified photograph: the row that describes it, itself small, and what the network saw, as data URIs."""

    row: dict[str, Any]
    photograph: str
    seen: str


class Trials:
    """Classifies for everybody, one photograph at a time; the two bundles used last stay loaded."""

    def __init__(self, settings: Settings, sessions: Sessions) -> None:
        self._settings, self._sessions = settings, sessions
        self._lock = Lock()
        self._loaded: OrderedDict[str, Classifier] = OrderedDict()
        self._decoders: Decoders | None = None
        self._rate = Rate(A_MINUTE)

    def bundles(self) -> list[str]:
        """List the bundles there are, the one that workers tag with first."""
        from model import bundle as bundles

        tags = self._bundle(None).id
        others = {found.id for found in bundles.available(self._settings.bundle_folders)} - {tags}
        return [tags, *sorted(others)]

    def classify(self, user_id: int, data: bytes, model: str | None = None) -> dict[str, Any]:
        """Classify a photograph as `tagger model classify --json` does. Raises Problem, and what decoding raises."""
        return self._classified(user_id, data, model)[0]

    def show(self, user_id: int, data: bytes, model: str | None = None) -> Tried:
        """Classify a photograph, and show it and what the network saw of it."""
        from model.images.preprocessing import photograph

        row, pixels = self._classified(user_id, data, model)
        small = self._prepare(data, photograph(_SHOWN_EDGE, "letterbox"))
        return Tried(row, _data_uri(small, "WEBP"), _data_uri(_enlarged(pixels), "PNG"))

    def close(self) -> None:
        """End the decoder processes."""
        if self._decoders is not None:
            self._decoders.close()

    def _classified(self, user_id: int, data: bytes, model: str | None) -> tuple[dict[str, Any], npt.NDArray[np.uint8]]:
        from model.summary import of_prediction

        if not self._rate.allows(user_id):
            raise Problem(429, "too many photographs; wait a minute", headers={"Retry-After": "60"})
        classifier = self._classifier(model)
        pixels = self._prepare(data, classifier.bundle.preprocessing)
        with self._lock:
            return of_prediction(classifier.classify(pixels[None])[0], classifier), pixels

    def _prepare(self, data: bytes, spec: Preprocessing) -> npt.NDArray[np.uint8]:
        from model.images.decoder_pool import Decoders

        with self._lock:
            self._decoders = self._decoders or Decoders(1, self._settings.image_deadline_s)
        return self._decoders.prepare(data, spec, self._settings.decode_limits)

    def _classifier(self, model: str | None) -> Classifier:
        bundle = self._bundle(model)
        with self._lock:
            if bundle.id not in self._loaded:
                self._loaded[bundle.id] = load_classifier(self._settings, bundle, taxonomy_of(self._settings))
            self._loaded.move_to_end(bundle.id)
            while len(self._loaded) > _LOADED_AT_ONCE:
                self._loaded.popitem(last=False)
            return self._loaded[bundle.id]

    def _bundle(self, model: str | None) -> Bundle:
        """Find the bundle that tags, or one of those there are by its id. Raises Problem."""
        from model import bundle as bundles
        from worker.bundle_lookup import resolve

        tags = resolve(self._settings.model, self._settings.bundle_folders, self._sessions)
        if model in (None, tags.id):
            return tags
        for found in bundles.available(self._settings.bundle_folders):
            if found.id == model:
                return found
        raise Problem(422, f"there is no bundle {model!r} here")


def _enlarged(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Repeat pixels so that those of a small input can be told apart."""
    times = max(1, _SHOWN_EDGE // max(pixels.shape[:2]))
    return pixels.repeat(times, axis=0).repeat(times, axis=1)


def _data_uri(pixels: npt.NDArray[np.uint8], kind: str) -> str:
    from PIL import Image

    written = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(written, kind)
    return f"data:image/{kind.lower()};base64,{b64encode(written.getvalue()).decode()}"
