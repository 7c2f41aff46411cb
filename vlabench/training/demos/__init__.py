"""Demonstrations: collecting them from the expert, LIBERO's file layout, reading them for training."""
