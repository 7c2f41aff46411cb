"""`python -m vlabench` is `vlabench`."""

from vlabench.cli.app import main

if __name__ == "__main__":
    main()
