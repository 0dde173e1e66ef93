import http.server
import socket
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from repviz.errors import Unavailable
from repviz.images import fetching, open_images


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """No network, no caches."""

    def refuse(*args, **options):
        raise urllib.error.URLError("no network here")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "sklearn"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def server():
    """A server that answers everything with 404; yields its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_error(404)

        def log_message(self, *args):
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as answering:
        thread = threading.Thread(target=answering.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{answering.server_port}/"
        answering.shutdown()
        thread.join()


HOME = Path("/home")


def missing():
    raise FileNotFoundError("not here")


# truth


def test_what_is_kept_is_not_fetched(offline):
    assert fetching.load_or_download("x", HOME, "http://x", lambda: 1, missing, "Cure") == 1


def test_what_is_not_kept_is_fetched_where_a_server_answers(server):
    assert fetching.load_or_download("x", HOME, server, missing, lambda: 2, "Cure") == 2


# edges


def test_a_server_that_never_answers_costs_seconds(monkeypatch):
    monkeypatch.setattr(fetching, "TIMEOUT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/"
        began = time.monotonic()
        with pytest.raises(Unavailable, match="cannot be reached"):
            fetching.load_or_download("x", HOME, url, missing, missing, "Cure")
        assert time.monotonic() - began < 3


def test_a_slow_look_up_of_a_name_costs_seconds(monkeypatch):
    monkeypatch.setattr(fetching, "TIMEOUT", 0.2)
    waiting = threading.Event()

    def look_up(*args, **options):
        waiting.wait(5)
        raise urllib.error.URLError("nothing found")

    monkeypatch.setattr(urllib.request, "urlopen", look_up)
    with pytest.raises(Unavailable) as caught:
        fetching.load_or_download("x", HOME, "http://x", missing, missing, "Cure")
    assert str(caught.value) == (
        "open_images: 'x' is not in /home, and http://x cannot be reached (no answer "
        "within 0.2 seconds). Cure."
    )
    waiting.set()


def test_a_download_that_breaks_off_is_one_sentence(server):
    def broken():
        raise OSError("connection\nreset")

    with pytest.raises(Unavailable) as caught:
        fetching.load_or_download("x", HOME, server, missing, broken, "Cure")
    assert "(connection reset). Cure." in str(caught.value)


def test_the_default_timeout_is_put_back(server):
    inside = fetching.load_or_download("x", HOME, server, missing, socket.getdefaulttimeout, "Cure")
    assert inside == 30
    assert socket.getdefaulttimeout() is None


# messages


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "olivetti",
            "open_images: 'olivetti' is not in {home}/sklearn, and "
            "https://ndownloader.figshare.com/files/5976027 cannot be reached (no network here). "
            "Use 'orl', the same faces at full size, which needs no network.",
        ),
        (
            "lfw",
            "open_images: 'lfw' is not in {home}/sklearn/lfw_home/lfw_funneled, and "
            "https://ndownloader.figshare.com/files/5976015 cannot be reached (no network here). "
            "Use 'patches' or 'orl', which need no network, or folder: with a copy of your own.",
        ),
        (
            "torchvision:CIFAR10",
            "open_images: 'torchvision:CIFAR10' is not in {home}/cache/repviz/torchvision, and "
            "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz cannot be reached (no network "
            "here). Name a folder that has it: torchvision:CIFAR10@FOLDER.",
        ),
    ],
)
def test_messages_without_a_network(offline, name, sentence):
    with pytest.raises(Unavailable) as caught:
        open_images(name)
    assert str(caught.value) == sentence.format(home=offline)


@pytest.mark.parametrize("name", ["MNIST", "SVHN", "STL10", "USPS", "DTD", "EuroSAT", "Food101"])
def test_every_kind_of_torchvision_set_says_the_same(offline, name):
    with pytest.raises(Unavailable, match=f"^open_images: 'torchvision:{name}' is not in"):
        open_images(f"torchvision:{name}")


def test_message_of_a_damaged_copy(offline):
    raw = offline / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "t10k"):
        (raw / f"{part}-images-idx3-ubyte").write_bytes(b"")
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(b"")
    with pytest.raises(Unavailable) as caught:
        open_images(f"torchvision:MNIST@{offline}")
    said = str(caught.value)
    assert said.startswith(
        f"open_images: the files of 'torchvision:MNIST' in {offline} must be complete, got '"
    )
    assert said.endswith("'. Delete them, so that they are downloaded again.")
