"""Links in HTML, downloaded from a real server on this machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from databus_core import Attachment, Passenger, Processor
from databus_core.connectors.links.download import DownloadLimits, DownloadLinks, download_links
from databus_core.connectors.links.html_links import links
from databus_core.errors import AttachmentError
from tests.contracts.processor_contract import ProcessorContract
from tests.support.plug_ins import contents, make, stored

SERVED = {
    "/Files/Order.XLSX": (200, {}, b"excel"),
    "/files/order.xlsx": (404, {}, b"another case"),
    "/get": (200, {"Content-Disposition": "attachment; filename*=utf-8''Gr%C3%B6%C3%9Fe.csv"}, b"a;b"),
    "/a%20b/c%2Fd.txt?x=1": (200, {}, b"query"),
    "/error.xlsx": (500, {}, b"<h1>Sorry</h1>"),
    "/hop": (302, {"Location": "Files/Order.XLSX"}, b""),
    "/round": (302, {"Location": "/round"}, b""),
    "/to-file": (302, {"Location": "file:///etc/passwd"}, b""),
    "/elsewhere": (302, {"Location": "http://localhost:{port}/Files/Order.XLSX"}, b""),
    "/long.bin": (200, {}, b"x" * 300_000),
    "/evil": (200, {"Content-Disposition": 'attachment; filename="../../../etc/cron.d/x.txt"'}, b"x"),
}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        if self.path in {"/drip-head", "/drip-body"}:
            self._drip()
            return
        status, headers, body = SERVED.get(self.path, (404, {}, b"no such page"))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value.replace("{port}", str(self.server.server_address[1])))
        if self.path != "/long.bin":  # no Content-Length: the end is where the connection ends
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(body)

    def _drip(self) -> None:
        """A byte now and then, for ever: each arrives in time, and all together never end."""
        head = b"HTTP/1.0 200 OK\r\n" + (b"X-Long: " if self.path == "/drip-head" else b"\r\n")
        with suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(head)
            while not self.server.stopped.wait(0.02):  # type: ignore[attr-defined]
                self.wfile.write(b"x")

    def log_message(self, *_: object) -> None:
        pass


class Server:
    """The address of a running server, and what it was asked for."""

    def __init__(self) -> None:
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._http.asked, self._http.stopped = [], threading.Event()  # type: ignore[attr-defined]
        self.asked: list[str] = self._http.asked  # type: ignore[attr-defined]
        self.address = f"http://127.0.0.1:{self._http.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator[Server]:
        thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        thread.start()
        yield self
        self._http.stopped.set()  # type: ignore[attr-defined]
        self._http.shutdown()
        thread.join()
        self._http.server_close()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server().running() as server:
        yield server


def mail(*addresses: str) -> Passenger:
    passenger = Passenger(external_id="1", source_system="test")
    html = "".join(f'<p>see <a href="{address}">this</a></p>' for address in addresses)
    passenger.attach(Attachment.text("body.html", html))
    return passenger


def downloaded(server: Server, *paths: str, **options: object) -> dict[str, bytes]:
    passenger = mail(*(server.address + path for path in paths))
    download_links(passenger, **options)  # type: ignore[arg-type]
    return {name: data for name, data in contents(passenger).items() if name != "body.html"}


class TestDownloadLinks(ProcessorContract):
    @pytest.fixture(autouse=True)
    def _served(self, server: Server) -> None:
        self.server = server

    def processor(self, folder: Path) -> Processor:
        return make(DownloadLinks, folder, hosts=["127.0.0.1"])

    def passenger(self) -> Passenger:
        return mail(self.server.address + "/get", self.server.address + "/Files/Order.XLSX")


def test_addresses_keep_their_case_and_names_come_from_the_server(server: Server):
    assert downloaded(server, "/Files/Order.XLSX", "/get", "/a%20b/c%2Fd.txt?x=1", "/evil", "/hop") == {
        "Order.XLSX": b"excel",
        "Gr_e.csv": b"a;b",
        "d.txt": b"query",
        "x.txt": b"x",
        "Order_2.XLSX": b"excel",
    }


def test_only_wanted_extensions_are_attached(server: Server):
    assert downloaded(server, "/Files/Order.XLSX", "/get", extensions=["csv"]) == {"Gr_e.csv": b"a;b"}


@pytest.mark.parametrize(
    ("path", "why", "limits"),
    [
        ("/files/order.xlsx", "404 Not Found", DownloadLimits()),
        ("/error.xlsx", "500 Internal Server Error", DownloadLimits()),
        ("/round", "more than 5 redirects", DownloadLimits()),
        ("/to-file", "leads to file:///etc/passwd, which is neither http nor https", DownloadLimits()),
        ("/elsewhere", "no allowed host", DownloadLimits()),
        ("/long.bin", "longer than 200000 bytes", DownloadLimits(bytes_per_link=200_000)),
        ("/drip-body", "more than 0.3 seconds", DownloadLimits(seconds=0.3)),
        ("/drip-head", "more than 0.3 seconds", DownloadLimits(seconds=0.3)),
    ],
)
def test_what_cannot_be_had_is_an_error_that_names_the_address(
    server: Server, path: str, why: str, limits: DownloadLimits
):
    passenger = mail(server.address + "/get", server.address + path)
    before = stored(passenger)
    began = time.monotonic()
    with pytest.raises(AttachmentError, match=f"{path} cannot be downloaded: .*{why}"):
        download_links(passenger, limits=limits, hosts=["127.0.0.1"])
    assert time.monotonic() - began < 5
    assert contents(passenger) == contents(before)
    assert passenger.properties == {}


def test_a_server_that_is_not_there_is_an_error():
    with pytest.raises(AttachmentError, match=r"http://127\.0\.0\.1:9/x cannot be downloaded: "):
        download_links(mail("http://127.0.0.1:9/x"))


def test_other_hosts_are_passed_over(server: Server):
    asked = len(server.asked)
    assert downloaded(server, "/get", hosts=["example.com", "7.0.0.1"]) == {}
    assert len(server.asked) == asked


def test_too_many_links_are_an_error(server: Server):
    with pytest.raises(AttachmentError, match="has 3 links; 2 are allowed"):
        downloaded(server, "/1", "/2", "/3", limits=DownloadLimits(links=2))


def test_links_are_found_as_they_are_written():
    html = """
        <base href="https://Shop.example/Base/">
        <A HREF='One.PDF#page=2'>1</A> <a href="https://shop.example/a?x=1&amp;y=2">2</a> <a href="One.PDF">again</a>
        <area href="//Other.example/Map"> <a href="mailto:a@b">m</a> <a href="file:///etc/passwd">f</a>
        <a href="javascript:alert(1)">j</a> <a href="http://[broken">b</a> <a name="x">n</a> <link href="/style.css">
    """
    assert links(html) == [
        "https://Shop.example/Base/One.PDF",
        "https://shop.example/a?x=1&y=2",
        "https://Other.example/Map",
    ]


@pytest.mark.parametrize("odd", ["<![:>", "<![unheard-of[x]>", "<![if !mso]>", "<!x>", "<?x>", "</:>"])
def test_odd_markup_costs_no_link(odd: str):
    assert links(f'{odd}<a href="https://a.example/1">x</a>') == ["https://a.example/1"]


@example("<![:")
@given(st.text(alphabet="<>/a \"=href:http#?[]&;!-'\n\x00", max_size=200))
def test_any_html_gives_links_or_none(html: str):
    assert all(link.lower().startswith(("http:", "https:")) for link in links(html))
