"""Downloads what an HTML attachment links to: as a processor, and as a function for plug-ins of one's own."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

import httpx2
from pydantic import Field

from databus_core.connectors._shared.formats import format_of, matches
from databus_core.connectors.links.html_links import links
from databus_core.errors import AttachmentError
from databus_core.model.attachment import Attachment, BytesContent, clean_name
from databus_core.model.passenger import Passenger
from databus_core.plugins.plugin import Arguments
from databus_core.plugins.processor import Processor

DOWNLOADED: Final = "downloaded"
"""Key of the property that names the addresses already downloaded: doing it again by hand adds nothing twice."""

_HEADERS = {"Accept-Encoding": "identity"}
"""Content comes as it is: a few compressed bytes could become very many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadLimits:
    """How much may be downloaded for one passenger."""

    links: int = 50
    bytes_per_link: int = 50 << 20
    seconds: float = 120
    """For all links together, from the first request to the last byte."""
    redirects: int = 5


def download_links(
    passenger: Passenger,
    *,
    attachment: str = "body.html",
    extensions: Iterable[str] = (),
    hosts: Iterable[str] = (),
    limits: DownloadLimits | None = None,
) -> list[Attachment]:
    """Attach what the HTML attachment links to; answers the new attachments.

    Only http and https, and only from the hosts given and those below them (none given means any). `extensions` limits
    which files are attached, by the name that the server gives them, else the address; none means all. Raises
    AttachmentError, with the passenger as it was, when a server answers with an error, or beyond a limit.

    Blocks, and runs an event loop of its own: `async def` plug-ins call it by `asyncio.to_thread`.
    """
    source = passenger.attachment(attachment)
    if source is None:
        return []
    done = passenger.properties.get(DOWNLOADED)
    known = [str(address) for address in done] if isinstance(done, list) else []
    wanted = [address for address in links(source.read_text()) if address not in known]
    limits = limits or DownloadLimits()
    if len(wanted) > limits.links:
        raise AttachmentError(f"Attachment {attachment!r} has {len(wanted)} links; {limits.links} are allowed")
    visit = _Visit(limits, tuple(extensions), tuple(host.lower() for host in hosts))
    found = asyncio.run(visit.files(wanted)) if wanted else []
    if wanted:
        passenger.properties[DOWNLOADED] = [*known, *wanted]
    return [passenger.attach(new) for new in found]


@dataclass(slots=True)
class _Visit:
    """All downloads for one passenger."""

    limits: DownloadLimits
    extensions: tuple[str, ...]
    hosts: tuple[str, ...]

    async def files(self, addresses: list[str]) -> list[Attachment]:
        found: list[Attachment] = []
        address = ""
        try:
            async with asyncio.timeout(self.limits.seconds), httpx2.AsyncClient(headers=_HEADERS) as client:
                for address in addresses:
                    file = await self._file(client, address) if self._allows(address) else None
                    found += [file] if file else []
        except TimeoutError as error:
            raise _failed(address, f"more than {self.limits.seconds} seconds are gone") from error
        return found

    def _allows(self, address: str) -> bool:
        host = (urlsplit(address).hostname or "").lower()
        return not self.hosts or any(host == allowed or host.endswith(f".{allowed}") for allowed in self.hosts)

    async def _file(self, client: httpx2.AsyncClient, address: str) -> Attachment | None:
        place = address
        try:
            for _ in range(self.limits.redirects + 1):
                async with client.stream("GET", place, timeout=self.limits.seconds) as response:
                    if not response.has_redirect_location:
                        return await self._taken(response, address)
                    place = urljoin(place, response.headers["location"])
                    self._check_redirect(address, place)
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, ValueError) as error:
            raise _failed(address, str(error) or type(error).__name__) from error
        raise _failed(address, f"more than {self.limits.redirects} redirects")

    def _check_redirect(self, address: str, place: str) -> None:
        if urlsplit(place).scheme.lower() not in {"http", "https"}:
            raise _failed(address, f"it leads to {place}, which is neither http nor https")
        if not self._allows(place):
            raise _failed(address, f"it leads to {place}, which is no allowed host")

    async def _taken(self, response: httpx2.Response, address: str) -> Attachment | None:
        if not response.is_success:
            raise _failed(address, f"{response.url} answers {response.status_code} {response.reason_phrase}")
        name = _name(response)
        if not matches(name, self.extensions):
            return None
        data = bytearray()
        async for chunk in response.aiter_bytes():
            data += chunk
            if len(data) > self.limits.bytes_per_link:
                raise _failed(address, f"it is longer than {self.limits.bytes_per_link} bytes")
        return Attachment(name, format_of(name, io.BytesIO(data)), BytesContent(bytes(data)))


def _failed(address: str, why: str) -> AttachmentError:
    return AttachmentError(f"{address} cannot be downloaded: {why}")


def _name(response: httpx2.Response) -> str:
    """The file name that the server gives, else the last part of the address."""
    message = Message()
    message["Content-Disposition"] = response.headers.get("content-disposition", "")
    try:
        name = message.get_filename("")
    except (ValueError, LookupError, TypeError):
        name = ""
    return clean_name(name or PurePosixPath(unquote(response.url.path)).name or "download")


class DownloadLinksArguments(Arguments):
    """Which links, and how much at most."""

    attachment: str = Field(
        default="body.html", min_length=1, description="HTML attachment whose links are downloaded; the body of a mail."
    )
    extensions: list[str] = Field(
        default_factory=list[str], description="Only files with these extensions, like pdf; all of them if empty."
    )
    hosts: list[str] = Field(
        default_factory=list[str],
        description="Only from these hosts and those below them, like example.com; links elsewhere are passed over. "
        "Any host if empty, also those of your own network: name the hosts when strangers write the mails.",
    )
    most_links: int = Field(default=50, ge=1, description="More links than this in one passenger are an error.")
    most_megabytes: int = Field(default=50, ge=1, description="A longer file is an error.")
    seconds: float = Field(default=120, gt=0, description="All links of a passenger together may take this long.")


class DownloadLinks(Processor):
    """Attaches what the links of an HTML attachment lead to. A passenger without that attachment is fine."""

    Arguments = DownloadLinksArguments
    arguments: DownloadLinksArguments

    def process(self, passenger: Passenger) -> None:
        """Raises AttachmentError when a link cannot be downloaded within the limits."""
        attached = download_links(
            passenger,
            attachment=self.arguments.attachment,
            extensions=self.arguments.extensions,
            hosts=self.arguments.hosts,
            limits=DownloadLimits(
                links=self.arguments.most_links,
                bytes_per_link=self.arguments.most_megabytes << 20,
                seconds=self.arguments.seconds,
            ),
        )
        if attached:
            self.log.info(f"Downloaded {', '.join(attachment.name for attachment in attached)}")
