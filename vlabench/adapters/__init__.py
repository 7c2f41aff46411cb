"""Adapters turn weights, a rule or a remote server into a Policy; found by name through vlabench.registry."""
