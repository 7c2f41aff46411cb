"""Perturbations, one module each; found by name through vlabench.registry."""
