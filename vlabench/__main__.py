"""`python -m vlabench` is `vlabench`."""

from vlabench.cli import main

if __name__ == "__main__":
    main()
