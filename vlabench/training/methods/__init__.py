"""Training methods, a module and a class each; found by name through vlabench.registry."""
