"""One answer as it arrives: the deltas that change it, its growing text, its open items."""
