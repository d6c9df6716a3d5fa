"""Public name of `streamkit.integrations.pytest_plugin`, also for `pytest -p streamkit.pytest_plugin`."""

from .integrations.pytest_plugin import (
    MODES,
    pytest_addoption,
    pytest_configure,
    pytest_report_header,
    streamkit_replay,
)

__all__ = ["MODES", "pytest_addoption", "pytest_configure", "pytest_report_header", "streamkit_replay"]
