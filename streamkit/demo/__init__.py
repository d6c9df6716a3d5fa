"""What `streamkit demo` shows: two bundled streams, one for each wire, and the server that plays them.

`<wire>.jsonl` holds what the server writes: one JSON object a line, `at` in seconds since the request and the
`text` of that write. The content was written for this purpose; dialect and pace are those of real gateways.
"""
