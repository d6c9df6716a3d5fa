"""A program under gevent or eventlet, for test_green.py: python green_program.py KIND URL; prints JSON.

It runs in a process of its own, because patching can't be undone. URL is a server that answers by the prompt.
"""

import sys

kind, url = sys.argv[1:]
if kind == "gevent":
    from gevent import monkey

    monkey.patch_all()
    import gevent

    spawn, sleep = gevent.spawn, gevent.sleep
else:
    import eventlet

    eventlet.monkey_patch()
    spawn, sleep = eventlet.spawn, eventlet.sleep

import json  # noqa: E402 - after the patch, as such programs do
from concurrent.futures import ThreadPoolExecutor  # noqa: E402

from streamkit import APITimeoutError, Client, RetryPolicy, StreamCancelledError, TextDelta, Timeouts  # noqa: E402

ONCE = RetryPolicy(max_retries=0)
client = Client("generic", base_url=url, model="m", retry=ONCE)


def cancelled(prompt):
    stream = client.stream(prompt)
    spawn(lambda: (sleep(0.3), stream.cancel()))
    try:
        stream.until_done()
    except StreamCancelledError:
        return stream.partial.text
    return "not cancelled"


def timed_out():
    impatient = Client("generic", base_url=url, model="m", retry=ONCE, timeouts=Timeouts(idle=0.3))
    try:
        impatient.complete("stall")
    except APITimeoutError as error:
        return error.phase
    return "not timed out"


def left():
    with client.stream("stall") as stream:
        next(event for event in stream if isinstance(event, TextDelta))
    return stream.partial.text


def together(count):
    """Every request of this prompt waits until *count* of them are open: only greenlets that run get on."""
    with ThreadPoolExecutor(count) as pool:
        return sorted(pool.map(lambda _: client.complete("together").text, range(count)))


with client.map(["one", "two", "three"]) as run:
    mapped = sorted(answer.text for answer in run)
results = {
    "answer": client.complete("x" * 300_000).text,
    "cancelled before headers": cancelled("silent"),
    "cancelled in the text": cancelled("stall"),
    "timed out": timed_out(),
    "left": left(),
    "together": together(5),
    "mapped": mapped,
}
sys.stdout.write(json.dumps(results))
