"""``poolscope completion``: prints the script that completes commands and options in a shell."""

import click
from click.shell_completion import get_completion_class

VARIABLE = "_POOLSCOPE_COMPLETE"


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands and options in a shell.

    Bash: add  eval "$(poolscope completion bash)"  to ~/.bashrc. Zsh: the same with zsh, in ~/.zshrc after compinit.
    Fish: poolscope completion fish > ~/.config/fish/completions/poolscope.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"click has no completion for {shell}")
    click.echo(kind(ctx.find_root().command, {}, "poolscope", VARIABLE).source())
