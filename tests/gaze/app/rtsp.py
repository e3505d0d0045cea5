"""A network camera for tests: RTSP with JPEG pictures (RFC 2326, 2435), on this computer alone."""

from __future__ import annotations

import base64
import contextlib
import itertools
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2
import numpy as np
from numpy.typing import NDArray

SIZE_PX = (320, 240)
PART = 1200  # bytes of a packet
_count = itertools.count()


@contextmanager
def camera(
    picture: NDArray[np.uint8], *, pictures: int = 10**6, then: str = "end", user: str = ""
) -> Iterator[str]:
    """Serve a picture (H, W, 3) again and again; yields the address, without user and password.

    pictures : how many it sends; then it ends the connection, or says nothing more (``stall``).
    user : ``name:password`` that it asks for; "" lets everybody in.
    """
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while not done.is_set():
                    client, _ = listening.accept()
                    threading.Thread(target=talk, args=(client,), daemon=True).start()

        def talk(client: socket.socket) -> None:
            with contextlib.suppress(OSError), client:
                _answer(client, user)
                for n in range(pictures):
                    if done.wait(0.005):
                        return
                    for packet in _packets(picture, n):
                        client.sendall(packet)
                if then == "stall":
                    done.wait()

        threading.Thread(target=serve, daemon=True).start()
        yield f"rtsp://127.0.0.1:{listening.getsockname()[1]}/1"
        done.set()


def _answer(client: socket.socket, user: str) -> None:
    """The talk until PLAY."""
    wanted = f"Basic {base64.b64encode(user.encode()).decode()}"
    description = (
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:1\r\n"
    )
    answers: dict[str, Callable[[], str]] = {
        "OPTIONS": lambda: "Public: DESCRIBE, SETUP, PLAY, TEARDOWN\r\n\r\n",
        "DESCRIBE": lambda: (
            "Content-Type: application/sdp\r\n"
            f"Content-Length: {len(description)}\r\n\r\n{description}"
        ),
        "SETUP": lambda: "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n",
        "PLAY": lambda: "Session: 1\r\n\r\n",
    }
    reading = client.makefile("rb")
    while True:
        head = reading.readline().decode()
        if not head:
            raise ConnectionError
        lines = list(iter(lambda: reading.readline().decode().strip(), ""))
        said = dict(line.partition(": ")[::2] for line in lines)
        method, status = head.split()[0], "200 OK"
        rest = answers.get(method, lambda: "\r\n")()
        if method == "SETUP" and "TCP" not in said.get("Transport", ""):
            status, rest = "461 Unsupported Transport", "\r\n"
        if user and method == "DESCRIBE" and said.get("Authorization") != wanted:
            status, rest = "401 Unauthorized", 'WWW-Authenticate: Basic realm="camera"\r\n\r\n'
        client.sendall(f"RTSP/1.0 {status}\r\nCSeq: {said['CSeq']}\r\n{rest}".encode())
        if method == "PLAY":
            return


def _packets(picture: NDArray[np.uint8], number: int) -> Iterator[bytes]:
    """RTP in its connection: a JPEG without its head, in parts."""
    jpeg = bytes(cv2.imencode(".jpg", cv2.resize(picture, SIZE_PX))[1])
    tables, at, scan = b"", 2, 0
    while not scan:
        kind, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4], "big")
        part = jpeg[at + 4 : at + 2 + length]
        if kind == 0xDB:
            tables += b"".join(part[k + 1 : k + 65] for k in range(0, len(part), 65))
        at += 2 + length
        scan = at if kind == 0xDA else 0
    data = jpeg[scan:-2]
    for start in range(0, len(data), PART):
        body = data[start : start + PART]
        jpeg_head = struct.pack(
            ">II", start, 1 << 24 | 255 << 16 | SIZE_PX[0] // 8 << 8 | SIZE_PX[1] // 8
        )
        if start == 0:
            jpeg_head += struct.pack(">HH", 0, len(tables)) + tables
        last = start + PART >= len(data)
        rtp = struct.pack(">BBHII", 128, 26 | last << 7, next(_count) & 65535, number * 3600, 1)
        packet = rtp + jpeg_head + body
        yield b"$\0" + struct.pack(">H", len(packet)) + packet
