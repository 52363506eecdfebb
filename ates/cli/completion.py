"""`ates completion`: the script that lets a shell complete commands and options. Asks no server."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    bash:  eval "$(ates completion bash)"            in ~/.bashrc
    zsh:   eval "$(ates completion zsh)"             in ~/.zshrc
    fish:  ates completion fish > ~/.config/fish/completions/ates.fish
    """
    script = get_completion_class(shell)
    assert script is not None, "click knows these three"
    click.echo(script(ctx.find_root().command, {}, "ates", "_ATES_COMPLETE").source())
