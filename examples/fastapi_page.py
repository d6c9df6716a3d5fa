"""A page that shows an answer as it arrives. Needs fastapi and uvicorn.

python examples/fastapi_page.py [PORT]
"""

from __future__ import annotations

from connection import connected, options
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, StreamingResponse

from streamkit import Client, Timeouts
from streamkit.testing import chat_stream
from streamkit.web import plain_text

ANSWER = chat_stream("High tide ", "in Brest ", "is at 18:04.")
PAGE = """<!doctype html><meta charset="utf-8"><title>Tides</title>
<form><input name="q" value="When is high tide in Brest?" size="40"><button>Ask</button></form><pre></pre>
<script>
document.querySelector("form").onsubmit = async (event) => {
  event.preventDefault();
  const out = document.querySelector("pre");
  out.textContent = "";
  const reply = await fetch("/ask?" + new URLSearchParams(new FormData(event.target)));
  for await (const piece of reply.body.pipeThrough(new TextDecoderStream())) out.textContent += piece;
};
</script>"""


def make_app(client: Client) -> FastAPI:
    """Return the application. If the browser leaves, the connection to the model is closed at once."""
    app = FastAPI()

    @app.get("/", response_class=HTMLResponse)
    def page() -> str:
        return PAGE

    @app.get("/ask")
    def ask(q: str) -> StreamingResponse:
        stream = client.stream(q, timeouts=Timeouts(deadline=120))
        return StreamingResponse(plain_text(stream), media_type="text/plain")

    return app


def main() -> None:
    import uvicorn

    chosen = options(__doc__, "port")
    with connected(chosen, ANSWER) as client:
        uvicorn.run(make_app(client), host="127.0.0.1", port=int(chosen.port or 8000))


if __name__ == "__main__":
    main()
