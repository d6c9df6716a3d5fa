"""Install and run real servers on 127.0.0.1 for the live tests.

A server is installed by the name of its package, once, into a cache folder (`STREAMKIT_LIVE_CACHE`, or
`~/.cache/streamkit-live`), and runs from there. Nothing is written to the repository. No model is downloaded,
because `tiny_model.py` writes one. If a server can't be installed, `Unavailable` has the reason.

    python -m tests.live.servers          install all of them now, and print the failures
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

# Pinned, because the tests depend on the behaviour of these versions.
LLAMA = ("xllamacpp==2026.10.11549", "gguf==0.19.0")
MLX = ("mlx[cpu]==0.32.4", "mlx-lm==0.32.2")
AIMOCK = "@copilotkit/aimock@1.43.0"


class Unavailable(Exception):
    """This server can't run on this machine; the message is the reason."""


def cache_folder() -> Path:
    """Return the folder of installed servers."""
    return Path(os.environ.get("STREAMKIT_LIVE_CACHE") or Path.home() / ".cache" / "streamkit-live")


# -- installing ---------------------------------------------------------------------------


def _run(*command: str | Path, cwd: Path | None = None) -> None:
    """Run *command* without output. Raises `Unavailable` with the last line that it printed."""
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
        lines = exc.stdout.strip().splitlines() or [f"exit status {exc.returncode}"]
        raise Unavailable(f"{' '.join(words)}: {lines[-1]}") from None


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
    """Unpack the Debian package; nothing is installed on the system."""
    _run("apt-get", "download", "-q", "nginx", cwd=folder)
    for package in folder.glob("nginx_*.deb"):
        _run("dpkg-deb", "-x", package, folder / "root")


def install(name: str) -> Path:
    """Return the folder of that server, after installing it if necessary. Raises `Unavailable`."""
    recipe = RECIPES[name]
    folder = cache_folder() / f"{name}-{recipe.version}"
    if not folder.exists():
        cache_folder().mkdir(parents=True, exist_ok=True)
        # Made in another folder and renamed, so that an existing folder is always complete.
        with tempfile.TemporaryDirectory(dir=cache_folder(), prefix=f".{name}-") as unfinished:
            made = Path(unfinished, "made")
            made.mkdir()
            recipe.install(made)
            with contextlib.suppress(OSError):  # a parallel run was faster
                made.rename(folder)
    return folder


# -- commands: installed folder, working folder, port, arguments ----------------------------


def _llama_command(folder: Path, work: Path, port: int, *context: str) -> list[str | Path]:
    python = folder / "venv/bin/python"
    _run(python, HERE / "tiny_model.py", "gguf", work / "tiny.gguf")
    return [python, HERE / "run_llama.py", work / "tiny.gguf", str(port), *context]


def _mlx_command(folder: Path, work: Path, port: int) -> list[str | Path]:
    python = folder / "venv/bin/python"
    _run(python, HERE / "tiny_model.py", "hf", work / "tiny")
    address = ["--host", "127.0.0.1", "--port", str(port)]
    return [python, "-m", "mlx_lm.server", "--model", work / "tiny", "--temp", "1.0", *address]


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
    """How a server is installed and run; `ready` is a path that responds when the server is ready."""

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
    """A running server: `url` is its root, `process` can be killed or frozen, `log` is its output."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def send(self, number: signal.Signals) -> None:
        """Send a signal: SIGKILL ends the server, SIGSTOP freezes it."""
        self.process.send_signal(number)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def answers(self, path: str) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status < 400  # llama.cpp sends 503 while it loads
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


@contextlib.contextmanager
def running(name: str, *arguments: str) -> Iterator[Server]:
    """Run the server of that name, after installing it if necessary. Raises `Unavailable`."""
    recipe = RECIPES[name]
    folder = install(name)
    with tempfile.TemporaryDirectory(prefix=f"streamkit-{name}-") as work:
        port = _free_port()
        log = Path(work, "server.log")
        with log.open("wb") as output:
            process = subprocess.Popen(
                [str(word) for word in recipe.command(folder, Path(work), port, *arguments)],
                cwd=work,
                stdin=subprocess.DEVNULL,
                stdout=output,
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
    lines = server.log.read_text(errors="replace").strip().splitlines() or ["no output"]
    raise Unavailable(f"{server.name} is installed but doesn't start: {lines[-1]}")


def main() -> int:
    """Install all servers; return 1 if one of them is unavailable."""

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
