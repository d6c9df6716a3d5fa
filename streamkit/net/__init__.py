"""The only rooms that touch a socket, a clock or a disk."""
