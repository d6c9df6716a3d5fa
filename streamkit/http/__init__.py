"""HTTP: one call out, one reply in. Sockets, clocks, keys and retries; nothing here knows SSE or JSON."""
