"""The verb that puts a policy behind a server: serve."""

from __future__ import annotations

import ipaddress
import os
import signal
from typing import Annotated, Any, NoReturn

import typer

from vlabench.cli.options import Seed, console
from vlabench.errors import OptionError


def serve(
    policy: Annotated[str, typer.Option("--policy", metavar="P", help="A policy's name, or the path of a card.")],
    protocol: Annotated[str, typer.Option(
        metavar="PROTOCOL", help="What clients speak: openpi, vla-eval, openvla, openvla-oft or groot.")],
    port: Annotated[int | None, typer.Option(
        metavar="N", help="By default 8000; of openvla-oft 8777, of groot 5555.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen at; by default for this machine only.")] = "127.0.0.1",
    clients: Annotated[str | None, typer.Option(
        metavar="CARD", help="The card of the clients: what they send and expect; by default openpi, vla-eval, "
                             "openvla-rest, openvla-oft-rest or groot.")] = None,
    token_env: Annotated[str | None, typer.Option(
        metavar="NAME", help="Environment variable with the token that clients must show.")] = None,
    max_clients: Annotated[int, typer.Option(metavar="N", help="Clients at once, at most.")] = 64,
    seed: Seed = 0,
) -> None:
    """Serve a policy to clients of another harness, or to `vlabench run --url`, until Ctrl-C."""
    from vlabench.serving.serve import serving, watch

    token = os.environ.get(token_env, "") if token_env else ""
    if token_env and not token:
        raise OptionError(f"--token-env {token_env}: this environment variable is not set")
    screen = console(stderr=True)

    def note(text: str) -> None:
        screen.print(text, markup=False, highlight=False, soft_wrap=True)

    if not token and not _is_here(host):
        note(f"warning: whoever reaches {host} may ask this policy; --token-env NAME asks them for a token")
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        with serving(policy, protocol, clients=clients, host=host, port=port, token=token, seed=seed,
                     max_clients=max_clients, note=note) as served:
            typer.echo(f"{served.service.offer.said['policy']} is served at {served.url} to clients of {protocol}; "
                       f"Ctrl-C ends it")
            try:
                watch(served, screen)
            except KeyboardInterrupt:
                note(served.service.tally.total())
    except KeyboardInterrupt:
        note("ended before it began")


def _interrupted(number: int, frame: Any) -> NoReturn:
    raise KeyboardInterrupt


def _is_here(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
