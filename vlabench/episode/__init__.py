"""One episode, and who plays it."""
