"""A policy of ours behind a server: for vlabench on other machines, and for other people's harnesses."""
