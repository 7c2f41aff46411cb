"""What a training minimises, a module and a class each; found by name through vlabench.registry."""
