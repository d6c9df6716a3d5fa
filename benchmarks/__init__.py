"""The same work on streamkit and on its peers, side by side: `python -m benchmarks`; README.md says how."""
