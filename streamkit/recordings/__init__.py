"""Recorded replies: their file format, the recorder, and the players (events, transport, server)."""
