"""Compare streamkit with other clients on the same work: `python -m benchmarks`; see README.md."""
