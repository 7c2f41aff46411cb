"""The verbs of the command line: a function each, which calls one library function; `vlabench.cli.app` joins them."""
