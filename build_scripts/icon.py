"""Draws resources/icons/databus.png and databus.ico from databus.svg; run by hand after the drawing changed.

Unlike the rest of this folder it needs the project's environment: `.venv/bin/python -m build_scripts.icon`.
"""

import struct

from PySide6.QtCore import QBuffer, QByteArray, QIODevice
from PySide6.QtGui import QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

from build_scripts.environment import ROOT

ICONS = ROOT / "resources" / "icons"
PNG_SIZE = 256
ICO_SIZES = (16, 24, 32, 48, 64, 256)


def draw(renderer: QSvgRenderer, size: int) -> bytes:
    """The drawing as a PNG."""
    image = QImage(size, size, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(0)
    painter = QPainter(image)
    renderer.render(painter)
    painter.end()
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if not image.save(buffer, "PNG"):  # pyright: ignore[reportCallIssue, reportArgumentType, reportUnknownMemberType]
        raise RuntimeError(f"Qt could not write a PNG of {size} pixels.")
    return bytes(content.data())


def ico(pictures: dict[int, bytes]) -> bytes:
    """Windows' container: a header, one entry per picture, the pictures as PNG. There, 0 stands for 256 pixels."""
    entries, body = b"", b""
    start = struct.calcsize("<3H") + len(pictures) * struct.calcsize("<4B2H2I")
    for size, png in pictures.items():
        entries += struct.pack("<4B2H2I", size % 256, size % 256, 0, 0, 1, 32, len(png), start + len(body))
        body += png
    return struct.pack("<3H", 0, 1, len(pictures)) + entries + body


def main() -> None:
    """Draw both files."""
    QGuiApplication(["icon", "-platform", "offscreen"])
    renderer = QSvgRenderer(str(ICONS / "databus.svg"))
    (ICONS / "databus.png").write_bytes(draw(renderer, PNG_SIZE))
    (ICONS / "databus.ico").write_bytes(ico({size: draw(renderer, size) for size in ICO_SIZES}))


if __name__ == "__main__":
    main()
