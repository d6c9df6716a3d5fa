"""Read half of an answer and break; print the number of open sockets: `leave_half_way.py BASE_URL`."""

import sys
from pathlib import Path

from streamkit import Client, TextDelta

client = Client("llamacpp", base_url=sys.argv[1])
for event in client.stream("on and on", model="tiny", max_tokens=5000):
    if isinstance(event, TextDelta) and len(event.snapshot) > 1000:
        break
print(sum(fd.is_socket() for fd in Path("/proc/self/fd").iterdir()))  # noqa: T201 - it is a script
