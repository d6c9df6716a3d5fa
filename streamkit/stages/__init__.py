"""Pure stages: each file is one `Iterable -> Iterator`; none imports another."""
