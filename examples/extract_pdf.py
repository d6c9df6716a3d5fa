"""Structured data from a PDF: the model reads the file, and the answer is an object of a class.

python examples/extract_pdf.py [FILE.pdf]
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from connection import connected, options

from streamkit import InputText, Message, media
from streamkit.testing import chat_stream


@dataclass
class Line:
    text: str
    amount: float


@dataclass
class Invoice:
    number: str
    total: float
    lines: list[Line]


ANSWER = chat_stream(
    '{"number": "2026-118", "total": 41.5, ',
    '"lines": [{"text": "Tide table", "amount": 12}, {"text": "Chart", "amount": 29.5}]}',
)


def page() -> Path:
    """Return a small PDF with an invoice."""
    text = b"BT /F1 12 Tf 60 700 Td (Invoice 2026-118: tide table 12.00, chart 29.50, total 41.50) Tj ET"
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R "
        b"/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(text), text),
    )
    body = b"%PDF-1.4\n"
    places = []
    for number, each in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    body += b"xref\n0 5\n0000000000 65535 f \n%btrailer << /Size 5 /Root 1 0 R >>\n" % table
    body += b"startxref\n%d\n%%%%EOF\n" % body.rindex(b"xref\n0 5")
    path = Path(tempfile.mkdtemp()) / "invoice.pdf"
    path.write_bytes(body)
    return path


def main() -> None:
    chosen = options(__doc__, "file")
    file = media.file(chosen.file or page())
    question = Message("user", [InputText("Read this invoice."), file])
    with connected(chosen, ANSWER) as client:
        invoice = client.complete([question], response_format=Invoice, ask_again=1).parsed(Invoice)
    print(f"invoice {invoice.number}: {invoice.total:.2f}")
    for line in invoice.lines:
        print(f"  {line.text:<12} {line.amount:>6.2f}")


if __name__ == "__main__":
    main()
