"""Ray as an executor of `client.map`: a task of rows in, a future of its outcomes out.

    with client.map(rows, executor=ray_executor(), journal="answers.jsonl") as run: ...

Rule: Ray itself runs a task of a lost worker again; what it gives up on, `client.map` submits again.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from ..errors import UsageError


class RayExecutor:
    """Runs each task as a Ray task. `lanes` is the number of tasks at once, one for each CPU."""

    def __init__(self, lanes: int, options: dict[str, Any]) -> None:
        self.lanes = lanes
        self._options = options

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """Start `function(*args)` on the cluster, and return the future of its result."""
        import ray

        future: Future[Any] = ray.remote(**self._options)(function).remote(*args).future()
        return future


def ray_executor(*, lanes: int | None = None, **options: Any) -> RayExecutor:
    """Return an executor on the cluster that `ray.init` connected to, or on a new local one.

    *lanes* is the number of tasks at once; by default, the cluster's CPUs. *options* are those of Ray's
    `remote`, such as `num_cpus=0.1`. Raises `UsageError` if Ray isn't installed.
    """
    try:
        import ray
    except ImportError as exc:
        raise UsageError("ray_executor: needs the extra streamkit-llm[ray]") from exc
    if not ray.is_initialized():
        ray.init(log_to_driver=False)
    cpus = float(options.get("num_cpus") or 1)
    found = int(ray.cluster_resources().get("CPU", 1) / cpus)
    return RayExecutor(lanes or max(found, 1), {"num_cpus": cpus, "max_retries": 3, **options})
