"""``poolscope help``: shows the help of a command."""

import click

from collector.group import refuse_name


@click.command("help")
@click.argument("name", metavar="[COMMAND]", required=False)
@click.pass_context
def command(ctx: click.Context, name: str | None) -> None:
    """Show the help of a command.

    Without a name it lists all commands, as poolscope --help does.
    """
    above = ctx.parent
    if above is None or not isinstance(above.command, click.Group):
        return
    if name is None:
        click.echo(above.get_help())
        return
    named = above.command.get_command(above, name)
    if named is None:
        refuse_name(name, ctx)
    else:
        click.echo(named.get_help(click.Context(named, info_name=name, parent=above)))
