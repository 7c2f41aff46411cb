"""Simulators, one package each; found by name through vlabench.registry."""
