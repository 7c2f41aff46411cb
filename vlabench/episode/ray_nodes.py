"""What a node of a cluster has, told by itself, and how it differs from the machine that asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Facts = Mapping[str, str]


def teller() -> Callable[[bytes], dict[str, str]]:
    """A function that a node can run which does not have this package: Ray carries it there with its code.

    It takes a pickled function without arguments that tells facts, and tells these beside its own; under `error` what
    went wrong.
    """

    def tell(facts: bytes) -> dict[str, str]:
        import pickle
        import platform

        found = {"python": ".".join(platform.python_version_tuple()[:2])}
        try:
            from vlabench import __version__
            from vlabench.episode.ray_nodes import source
        except ImportError as error:
            return {**found, "vlabench": f"none ({error})"}
        from vlabench.errors import words_of

        found |= {"vlabench": __version__, "its source": source()}
        try:
            return {**found, **pickle.loads(facts)()}
        except (Exception, SystemExit) as error:
            return {**found, "error": words_of(error) or type(error).__name__}

    return tell


def source() -> str:
    """A digest of this package's own code."""
    import hashlib

    from vlabench.util.files import PACKAGE

    total = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        total.update(f"{path.relative_to(PACKAGE).as_posix()}\0".encode() + path.read_bytes())
    return total.hexdigest()[:16]


def differences(here: Facts, there: Facts) -> list[str]:
    """What a node told that is not as it is here, each with what mends it; the first alone where the rest follows."""
    for name in ("python", "vlabench", "its source"):
        if here[name] != there.get(name, here[name]):
            return [_told(name, here[name], there[name])]
    if "error" in there:
        return [there["error"]]
    return [_told(name, here.get(name, "none"), there.get(name, "none"))
            for name in sorted(here.keys() | there.keys()) if here.get(name) != there.get(name)]


def _told(name: str, here: str, there: str) -> str:
    fixes = {
        "python": f"an environment with Python {here}, and vlabench and ray in it",
        "vlabench": f"there, pip install 'vlabench=={here}' with the extras that you have here",
        "its source": "install there the same checkout that you run here",
        "assets": "there, vlabench assets list, and fetch or build the pack that it lacks",
        "arithmetic": "the same kind of processor on all nodes; where it is the same, the same environment variables",
        "adapter": "copy the folder of the policy's card there, to the same place",
        "policy": "copy the folder of the policy's card there, to the same place",
    }
    return f"{name} is {there} there and {here} here\n  fix: {fixes.get(name, f'there, pip install {name}=={here}')}"
