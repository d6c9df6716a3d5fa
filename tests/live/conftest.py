"""Fixtures of the live tests: one running server each; if it can't run here, its tests are skipped.

Every test in this folder has the marker `live`, so it runs only with `-m live`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from streamkit import Client, RetryPolicy, Timeouts

from .servers import RECIPES, Server, Unavailable, install, running

Start = Callable[..., Server]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder. The first one of a server waits until it is installed."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.live)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def installed() -> Iterator[dict[str, Future[Path]]]:
    """Install every server into the cache, in parallel."""
    with ThreadPoolExecutor() as pool:
        yield {name: pool.submit(install, name) for name in RECIPES}


def start_with(installed: dict[str, Future[Path]], stack: ExitStack) -> Start:
    def start(name: str, *arguments: str) -> Server:
        try:
            installed[name].result()
            return stack.enter_context(running(name, *arguments))
        except Unavailable as exc:
            pytest.skip(f"no {name} here: {exc}")

    return start


@pytest.fixture(scope="session")
def start_shared(installed: dict[str, Future[Path]]) -> Iterator[Start]:
    """Return a function that starts a server for the whole session."""
    with ExitStack() as stack:
        yield start_with(installed, stack)


@pytest.fixture
def start(installed: dict[str, Future[Path]]) -> Iterator[Start]:
    """Return a function that starts a server for one test, which may kill or freeze it."""
    with ExitStack() as stack:
        yield start_with(installed, stack)


@pytest.fixture(scope="session")
def llama(start_shared: Start) -> Server:
    """llama.cpp's server: chunked bodies, chat and Responses."""
    return start_shared("llama")


@pytest.fixture(scope="session")
def mlx(start_shared: Start) -> Server:
    """mlx-lm's server: HTTP/1.0, bodies without a length, comments."""
    return start_shared("mlx")


@pytest.fixture(scope="session")
def aimock(start_shared: Start) -> Server:
    """aimock: the answers in aimock.json, chat and Responses."""
    return start_shared("aimock")


@pytest.fixture(scope="session")
def nginx(start_shared: Start, llama: Server) -> Server:
    """nginx in front of llama.cpp's server: see nginx.conf."""
    return start_shared("nginx", f"127.0.0.1:{llama.port}")


@pytest.fixture(params=["llama", "mlx", "aimock"])
def each(request: pytest.FixtureRequest) -> Server:
    """Each of the three servers in turn."""
    server: Server = request.getfixturevalue(request.param)
    return server


def client_of(server: Server, *, path: str = "/v1", **options: object) -> Client:
    """Return a client of *server* without retries; its clocks end a test that hangs."""
    profile = {"llama": "llamacpp", "nginx": "llamacpp"}.get(server.name, "generic")
    defaults = {"timeouts": Timeouts(first_event=60, idle=60), "retry": RetryPolicy(max_retries=0)}
    return Client(profile, base_url=server.url + path, **{**defaults, **options})  # type: ignore[arg-type]
