"""Real servers for the live tests: a name in, a running server on 127.0.0.1 out.

Each is installed by its package's name, once, into a cache folder (`STREAMKIT_LIVE_CACHE`, or
`~/.cache/streamkit-live`), and run from there; nothing is written into the repository, and no model is
downloaded: `tiny_model.py` writes one. What cannot be installed here raises `Unavailable` with the reason.

    python -m tests.live.servers          install all of them now, and say what went wrong
"""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
INSTALL_TIME, START_TIME = 300, 90  # seconds

# Pinned: what these tests say of a server was seen on this version.
LLAMA = ("xllamacpp==2026.10.11549", "gguf==0.19.0")
MLX = ("mlx[cpu]==0.32.4", "mlx-lm==0.32.2")
AIMOCK = "@copilotkit/aimock@1.43.0"


class Unavailable(Exception):
    """This server cannot run on this machine; the message says why."""


def cache_folder() -> Path:
    """Where installed servers are kept."""
    return Path(os.environ.get("STREAMKIT_LIVE_CACHE") or Path.home() / ".cache" / "streamkit-live")


# -- installing ---------------------------------------------------------------------------


def _run(*command: str | Path, cwd: Path | None = None) -> None:
    """Run *command* quietly. Raises `Unavailable` with the last thing that it said."""
    words = [str(word) for word in command]
    try:
        subprocess.run(
            words,
            cwd=cwd,
            check=True,
            timeout=INSTALL_TIME,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    except FileNotFoundError:
        raise Unavailable(f"{words[0]} is not on this machine") from None
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{' '.join(words)} took more than {INSTALL_TIME} s") from None
    except subprocess.CalledProcessError as exc:
        said = exc.stdout.strip().splitlines() or [f"exit status {exc.returncode}"]
        raise Unavailable(f"{' '.join(words)}: {said[-1]}") from None


def _install_python(folder: Path, *packages: str) -> None:
    _run(sys.executable, "-m", "venv", folder / "venv")
    _run(folder / "venv/bin/python", "-m", "pip", "install", "-q", "--only-binary", ":all:", *packages)


def _install_llama(folder: Path) -> None:
    _install_python(folder, *LLAMA)


def _install_mlx(folder: Path) -> None:
    _install_python(folder, *MLX)


def _install_aimock(folder: Path) -> None:
    _run("npm", "install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", AIMOCK, cwd=folder)


def _install_nginx(folder: Path) -> None:
    """The Debian package, unpacked; nothing is installed on the system."""
    _run("apt-get", "download", "-q", "nginx", cwd=folder)
    for package in folder.glob("nginx_*.deb"):
        _run("dpkg-deb", "-x", package, folder / "root")


def install(name: str) -> Path:
    """The folder of that server, made now if it is not there. Raises `Unavailable`."""
    recipe = RECIPES[name]
    folder = cache_folder() / f"{name}-{recipe.version}"
    if not folder.exists():
        cache_folder().mkdir(parents=True, exist_ok=True)
        # Made elsewhere and renamed, so that a folder that is there is whole.
        with tempfile.TemporaryDirectory(dir=cache_folder(), prefix=f".{name}-") as unfinished:
            made = Path(unfinished, "made")
            made.mkdir()
            recipe.install(made)
            with contextlib.suppress(OSError):  # another run was faster
                made.rename(folder)
    return folder


# -- commands: the installed folder, a folder to work in, the port, arguments --------------


def _llama_command(folder: Path, work: Path, port: int, *context: str) -> list[str | Path]:
    python = folder / "venv/bin/python"
    _run(python, HERE / "tiny_model.py", "gguf", work / "tiny.gguf")
    return [python, HERE / "run_llama.py", work / "tiny.gguf", str(port), *context]


def _mlx_command(folder: Path, work: Path, port: int) -> list[str | Path]:
    python = folder / "venv/bin/python"
    _run(python, HERE / "tiny_model.py", "hf", work / "tiny")
    where = ["--host", "127.0.0.1", "--port", str(port)]
    return [python, "-m", "mlx_lm.server", "--model", work / "tiny", "--temp", "1.0", *where]


def _aimock_command(folder: Path, work: Path, port: int) -> list[str | Path]:
    program = folder / "node_modules/@copilotkit/aimock/dist/cli.js"
    answers = ["-f", HERE / "aimock.json", "--log-level", "warn"]
    return ["node", program, "-h", "127.0.0.1", "-p", str(port), *answers]


def _nginx_command(folder: Path, work: Path, port: int, upstream: str) -> list[str | Path]:
    text = (HERE / "nginx.conf").read_text(encoding="utf-8")
    (work / "nginx.conf").write_text(text.replace("PORT", str(port)).replace("UPSTREAM", upstream))
    (work / "tmp").mkdir(exist_ok=True)
    return [folder / "root/usr/sbin/nginx", "-p", f"{work}/", "-c", "nginx.conf", "-e", "error.log"]


@dataclass(frozen=True)
class Recipe:
    """How a server is installed and run; `ready` is a path that answers when it is."""

    version: str
    install: Callable[[Path], None]
    command: Callable[..., list[str | Path]]
    ready: str


RECIPES = {
    "llama": Recipe("2026.10.11549", _install_llama, _llama_command, "/health"),
    "mlx": Recipe("0.32.2", _install_mlx, _mlx_command, "/health"),
    "aimock": Recipe("1.43.0", _install_aimock, _aimock_command, "/v1/models"),
    "nginx": Recipe("debian", _install_nginx, _nginx_command, "/ready"),
}


# -- running ------------------------------------------------------------------------------


@dataclass
class Server:
    """A server that runs: `url` is its root, `process` can be killed or frozen, `log` is what it said."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def send(self, number: signal.Signals) -> None:
        """SIGKILL: it dies. SIGSTOP: it hangs."""
        self.process.send_signal(number)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def answers(self, path: str) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status < 400  # llama.cpp says 503 while it loads
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


@contextlib.contextmanager
def running(name: str, *arguments: str) -> Iterator[Server]:
    """The server of that name, installed where need be. Raises `Unavailable`."""
    recipe = RECIPES[name]
    folder = install(name)
    with tempfile.TemporaryDirectory(prefix=f"streamkit-{name}-") as work:
        port = _free_port()
        log = Path(work, "server.log")
        with log.open("wb") as said:
            process = subprocess.Popen(
                [str(word) for word in recipe.command(folder, Path(work), port, *arguments)],
                cwd=work,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": work},
            )
        server = Server(name, port, process, log)
        try:
            _wait_until_ready(server, recipe.ready)
            yield server
        finally:
            server.stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait_until_ready(server: Server, path: str) -> None:
    until = time.monotonic() + START_TIME
    while server.process.poll() is None and time.monotonic() < until:
        if server.answers(path):
            return
        time.sleep(0.05)
    said = server.log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
    raise Unavailable(f"{server.name} was installed and did not start: {said[-1]}")


def main() -> int:
    """Install all; 1 where one cannot be."""

    def attempt(name: str) -> str:
        began = time.monotonic()
        try:
            install(name)
        except Unavailable as exc:
            return f"{name}: unavailable: {exc}"
        return f"{name}: installed, {time.monotonic() - began:.0f} s"

    with ThreadPoolExecutor() as pool:
        lines = list(pool.map(attempt, RECIPES))
    print("\n".join(lines))  # noqa: T201 - it is a command
    print(f"in {cache_folder()}, {shutil.disk_usage(cache_folder()).free >> 30} GiB free")  # noqa: T201
    return any("unavailable" in line for line in lines)


if __name__ == "__main__":
    sys.exit(main())
