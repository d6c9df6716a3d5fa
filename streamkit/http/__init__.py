"""HTTP: sockets, clocks, keys, retries, and the headers that control them."""
