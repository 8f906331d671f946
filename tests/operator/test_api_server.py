"""The API server that tests lean on does with a watch what a real one does."""

from __future__ import annotations

import json
import threading
from typing import Any
from urllib.request import urlopen

from tests.operator.api_server import ApiServer
from tests.operator.objects import helios_target

WATCH = "/apis/helios.dev/v1alpha1/heliostargets?watch=true&timeoutSeconds=5&allowWatchBookmarks=true"


def watched(api: ApiServer, most: int, version: int | None = None) -> list[tuple[str, Any]]:
    """The first events of a watch, or all until it is cut."""
    since = api.store.version if version is None else version
    seen: list[tuple[str, Any]] = []
    with urlopen(f"{api.url}{WATCH}&resourceVersion={since}", timeout=5) as answer:  # noqa: S310 - loopback
        for line in answer:
            event = json.loads(line)
            metadata = event["object"]["metadata"]
            seen.append((event["type"], metadata.get("name")))
            if len(seen) == most:
                break
    return seen


def test_a_watch_tells_what_happened_since_a_version(api: ApiServer) -> None:
    """In order, and the deletes too; what changed nothing is no event."""
    before = api.store.version
    api.store.put(helios_target("web"))
    api.store.put(helios_target("web"))
    api.store.put(helios_target("web", mode="Autoscale"))
    api.store.remove("heliostargets", "web")
    assert [("ADDED", "web"), ("MODIFIED", "web"), ("DELETED", "web")] == watched(api, 3, before)


def test_bookmarks_come_where_nothing_happens(api: ApiServer) -> None:
    """So that a client can tell a quiet watch from a dead one."""
    api.bookmark_seconds = 0.0
    assert [("BOOKMARK", None)] == watched(api, 1)


def test_a_watch_from_before_the_servers_memory_is_refused(api: ApiServer) -> None:
    """The client has to list again, and learns of no delete in between."""
    before = api.store.version
    api.store.put(helios_target("web"))
    api.compact()
    assert [("ERROR", None)] == watched(api, 1, before)


def test_a_watch_that_fell_silent_stays_so_until_it_is_cut(api: ApiServer) -> None:
    """Nothing is lost on the server's side: the next watch tells it."""
    before = api.store.version
    api.silence()
    first: list[list[tuple[str, Any]]] = []
    thread = threading.Thread(target=lambda: first.append(watched(api, 1, before)))
    thread.start()
    while not api.asked("watch"):
        threading.Event().wait(0.005)
    api.store.put(helios_target("web"))
    threading.Event().wait(0.1)
    api.silence(silent=False)
    api.drop_watches()
    thread.join()
    assert [[]] == first
    assert [("ADDED", "web")] == watched(api, 1, before)
