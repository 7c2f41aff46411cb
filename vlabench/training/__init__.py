"""Training: data, objectives, methods, and what they share."""
