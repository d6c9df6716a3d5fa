"""One file per API, both directions: build a request, normalize payloads into fragments."""
