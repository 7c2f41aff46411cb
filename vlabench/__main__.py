"""`python -m vlabench` is `vlabench`: the command line, which is imported where Ctrl-C is heeded already."""

from __future__ import annotations

import sys


def main() -> None:
    """The entry point of the command `vlabench`."""
    try:
        from vlabench.cli.app import main as whole

        whole()
    except KeyboardInterrupt:
        sys.stderr.write("vlabench: interrupted\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
