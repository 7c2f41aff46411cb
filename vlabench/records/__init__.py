"""What is kept of episodes: written, read, and where it comes from."""
