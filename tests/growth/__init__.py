"""Law 10: time is linear in every kind of growth. The kinds, and how the work of one is counted.

`kinds.py` and `kinds_of_streams.py` have the table; test_growth.py counts operations at three sizes;
`python -m tests.growth` measures CPU time at larger ones, which also shows work inside C functions.
"""
