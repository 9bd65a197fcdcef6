"""Bytes that follow an answer on a connection are not taken for another pool's answer."""

import json
import socket
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.polling import FAST, collect, project
from tests.scripted import Scripted, answer

POOLS = [f"pool-{number}" for number in range(12)]


def numbered(number: int) -> bytes:
    counts = {"Queue": 0, "Completed": number}
    item = {"type": "train", "total": number, "status": counts}
    return json.dumps({"statistics": {"total": number, "items": [item]}}).encode()


@pytest.mark.parametrize("extra", ["answer", "part of an answer", "a byte"])
def test_bytes_after_an_answer_are_dropped(tmp_path: Path, extra: str) -> None:
    """Every third answer is followed by more bytes: each answer is stored once, and the extra bytes never."""
    lock = threading.Lock()
    numbers: list[int] = []

    def answer_with_extra(client: socket.socket) -> None:
        with lock:
            numbers.append(len(numbers) + 1)
            number = numbers[-1]
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
        body = numbered(number)
        whole = head % len(body) + body
        stray = numbered(1000 + number)
        more = {"answer": head % len(stray) + stray, "part of an answer": head % len(stray), "a byte": b"\n"}[extra]
        client.sendall(whole + more if number % 3 == 0 else whole)

    with Scripted({}, answer_with_extra) as server:
        result = collect(tmp_path, [project(server.endpoint, *POOLS)], settings=FAST)
    totals = sorted(scrape.total for scrape in result.scrapes if scrape.total is not None)
    assert ["ok"] * len(POOLS) == [scrape.outcome for scrape in result.scrapes]
    assert list(range(1, len(POOLS) + 1)) == totals


def test_a_connection_is_used_again_where_nothing_is_left(tmp_path: Path) -> None:
    """Twelve pools, one after the other, are polled over one connection."""
    peers: set[object] = set()

    def answer_and_note_peer(client: socket.socket) -> None:
        peers.add(client.getpeername())
        answer(200, numbered(1))(client)

    with Scripted({}, answer_and_note_peer) as server:
        collect(tmp_path, [project(server.endpoint, *POOLS)], settings=replace(FAST, concurrency=1))
    assert 1 == len(peers)
