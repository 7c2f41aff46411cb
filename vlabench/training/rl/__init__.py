"""Reinforcement learning: who plays what, what is rewarded, and the updates."""
