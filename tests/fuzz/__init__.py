"""Mutate recorded streams, and check that the laws hold on each: `python -m tests.fuzz --seconds 30`.

| file | contents |
|---|---|
| `mutations.py` | a body and a random generator -> another body |
| `cases.py` | a `Case`: a body and the way to read it; all random cases of a seed |
| `checks.py` | one function for each promise; it raises `Broken` |
| `search.py` | run checks on cases, keep each distinct failure once, and minimize it |
| `__main__.py` | the command line |
"""
