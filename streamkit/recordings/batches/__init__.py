"""Batches of four APIs, answered on this machine: desk.py keeps them, a form writes an API's documents."""
