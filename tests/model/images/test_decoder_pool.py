"""Decoder processes: the same pixels as without them, and what an image does to one is its own fault alone."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest

from model.images.decoder_pool import DecoderKilled, Decoders, DecodersClosed, _Decoder
from model.images.decoding import DecodeLimits, ImageRejected, decode
from model.images.preprocessing import FASHION_MNIST, photograph, preprocess
from tests.model import pictures
from tests.model.pictures import encode, noise

GOOD = encode(pictures.photograph(), "JPEG")


@pytest.fixture
def decoders() -> Iterator[Decoders]:
    pool = Decoders(2, deadline_s=10)
    yield pool
    pool.close()


def processes() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "decoder_process" in " ".join(child.cmdline())]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
@pytest.mark.parametrize("spec", [FASHION_MNIST, photograph(160)], ids=["grey", "colour"])
def test_pixels_are_those_of_decoding_in_this_process(decoders: Decoders, kind: str, spec) -> None:  # type: ignore[no-untyped-def]
    data = encode(noise(3, (200, 150)), kind)

    prepared = decoders.prepare(data, spec)

    assert prepared.dtype == np.uint8
    assert np.array_equal(prepared, preprocess(decode(data, spec.hints), spec))


def test_a_rejection_keeps_reason_and_detail_and_the_limits_hold(decoders: Decoders) -> None:
    with pytest.raises(ImageRejected) as corrupt:
        decoders.prepare(GOOD[:500], FASHION_MNIST)
    with pytest.raises(ImageRejected) as large:
        decoders.prepare(GOOD, FASHION_MNIST, DecodeLimits(max_pixels=1_000))

    assert (corrupt.value.reason, large.value.reason) == ("corrupt", "too_many_pixels")
    assert "300×400" in large.value.detail
    assert len(processes()) == 1


def test_a_decoder_holds_no_credential_and_no_file_of_ours(
    decoders: Decoders, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TAGGER_DATABASE_URL", "postgresql://tagger:secret@db/tagger")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with (tmp_path / "catalogue").open("w") as ours:
        os.set_inheritable(ours.fileno(), True)
        decoders.prepare(GOOD, FASHION_MNIST)

        (decoder,) = processes()
        assert "secret" not in "".join(decoder.environ().values())
        assert decoder.open_files() == []
        assert decoder.net_connections("inet") == []


def test_all_decoders_can_be_started_before_the_first_image(decoders: Decoders) -> None:
    decoders.start()
    started = {process.pid for process in processes()}
    decoders.prepare(GOOD, FASHION_MNIST)

    assert len(started) == 2
    assert {process.pid for process in processes()} == started


def test_decoders_are_started_at_the_same_time_and_no_more_than_there_are_images(
    decoders: Decoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready, both = _Decoder.wait_until_ready, threading.Barrier(2)

    def wait_for_both(decoder: _Decoder) -> None:
        both.wait(timeout=60)  # of decoders started one after the other, the first waits in vain
        ready(decoder)

    decoders.start(1)
    of_one = len(processes())
    decoders.close()
    two = Decoders(2)
    monkeypatch.setattr(_Decoder, "wait_until_ready", wait_for_both)
    two.start(100)
    of_many = len(processes())
    two.close()

    assert (of_one, of_many) == (1, 2)


def test_a_decoder_that_hangs_is_killed_at_the_deadline_and_others_go_on() -> None:
    pool = Decoders(2, deadline_s=3)
    pool.prepare(GOOD, FASHION_MNIST)
    os.kill(processes()[0].pid, signal.SIGSTOP)
    begun = time.monotonic()

    with ThreadPoolExecutor(2) as threads:
        hanging = threads.submit(pool.prepare, GOOD, FASHION_MNIST)
        time.sleep(0.2)
        assert threads.submit(pool.prepare, GOOD, FASHION_MNIST).result().shape == (28, 28, 1)
        with pytest.raises(DecoderKilled, match="longer than 3 s") as killed:
            hanging.result()

    assert killed.value.reason == "too_slow"
    assert time.monotonic() - begun < 6
    assert pool.prepare(GOOD, FASHION_MNIST).shape == (28, 28, 1)
    pool.close()
    assert processes() == []


def test_a_decoder_that_dies_is_replaced(decoders: Decoders) -> None:
    decoders.prepare(GOOD, FASHION_MNIST)
    processes()[0].kill()

    with pytest.raises(DecoderKilled) as killed:
        decoders.prepare(GOOD, FASHION_MNIST)

    assert killed.value.reason == "crashed_worker"
    assert decoders.prepare(GOOD, FASHION_MNIST).shape == (28, 28, 1)


def test_closing_ends_a_decoder_at_once_and_blames_no_image() -> None:
    pool = Decoders(1, deadline_s=60)
    pool.prepare(GOOD, FASHION_MNIST)
    os.kill(processes()[0].pid, signal.SIGSTOP)
    threading.Timer(0.5, pool.close).start()

    with pytest.raises(DecodersClosed):
        pool.prepare(GOOD, FASHION_MNIST)
    with pytest.raises(DecodersClosed):
        pool.prepare(GOOD, FASHION_MNIST)

    assert processes() == []


def test_a_decoder_ends_when_its_parent_is_gone(decoders: Decoders) -> None:
    decoders.prepare(GOOD, FASHION_MNIST)
    (decoder,) = processes()

    next(iter(decoders._running))._channel.close()

    assert decoder.wait(timeout=5) == 0
