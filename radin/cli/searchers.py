"""`radin searchers`: what is installed, with options and owners."""

from __future__ import annotations

import click

from radin.cli.console import json_option, print_json
from radin.cli.screen import print_table


@click.command("searchers", epilog="Example: radin searchers --json")
@json_option
def command(as_json: bool) -> None:
    """List the installed searchers: summary, options, the package they came from, and those that are broken."""
    from radin.searching.plugins import searchers

    found = searchers()
    if as_json:
        listed = [
            {
                "name": one.name,
                "summary": one.summary,
                "owner": one.owner,
                "options": [
                    {"name": o.name, "type": o.type, "default": o.default, "description": o.description}
                    for o in one.options.values()
                ],
            }
            for one in found.values()
        ]
        broken = [{"plugin": one.plugin, "owner": one.owner, "reason": one.reason} for one in found.broken]
        print_json({"searchers": listed, "broken": broken})
        return
    owners = {one.owner for one in found.values()}
    only = next(iter(owners)) if len(owners) == 1 else None
    rows = []
    for one in found.values():
        options = [f"{o.name}: {o.type} = {o.default!r}" for o in one.options.values()]
        rows.append([one.name, one.summary, "\n".join(options), "" if only else one.owner])
    title = f"searchers, all from {only}" if only else "searchers"
    print_table(title, ["name", "summary", "options (-p KEY=VALUE)", "from"], rows)
    for broken_one in found.broken:
        click.secho(f"broken: {broken_one.plugin} of {broken_one.owner}: {broken_one.reason}", fg="yellow")
