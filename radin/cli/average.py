"""`radin average`: checkpoints in, one file out."""

from __future__ import annotations

import json
from pathlib import Path

import click

from radin.cli.checkpoint_options import Checkpoints, checkpoint_options
from radin.cli.console import json_option, parse_size, print_json
from radin.cli.screen import SHORT_NAME
from radin.common.wording import shortened, with_short_names
from radin.errors import InputError, MissingFileError


@click.command(
    "average",
    epilog="Example: radin average run1.safetensors run2.safetensors --mix 0.25,0.75 -o soup.safetensors",
)
@checkpoint_options
@click.option("--mix", metavar="W,...", help="Mixing weights in the order of the files; equal parts by default.")
@click.option(
    "--recipe",
    "recipe_file",
    metavar="FILE",
    help="Mixing weights by the files' names, as JSON: what `radin rank -o FILE` writes. Other files are left out.",
)
@click.option(
    "-o",
    "--output",
    "path",
    required=True,
    metavar="PATH",
    help="The .safetensors file to write; of folders of models or adapters, the folder.",
)
@click.option(
    "--batchnorm",
    metavar="[average|keep]",
    default="average",
    show_default=True,
    help="BatchNorm statistics: average them, or keep those of the member with the largest weight.",
)
@click.option(
    "--max-shard-size", "shard", metavar="SIZE", help="Write a larger soup in several files with an index: 5GB."
)
@json_option
def command(
    given: Checkpoints,
    mix: str | None,
    recipe_file: str | None,
    path: str,
    batchnorm: str,
    shard: str | None,
    as_json: bool,
) -> None:
    """Average checkpoints into one .safetensors file or folder, tensor by tensor, in little memory."""
    from radin.adapters.writing import share_lost
    from radin.recipe import Recipe
    from radin.weights.averaging import average

    if batchnorm == "recompute":
        raise InputError(
            "--batchnorm recompute runs the soup on data, and `radin average` has none: use `radin soup --task ...`, "
            "which recomputes by default, or --batchnorm average or keep"
        )
    if mix is not None and recipe_file is not None:
        raise InputError("expected --mix or --recipe, got both: either says how much of each file to take")
    by_name = None if recipe_file is None else _recipe_in(Path(recipe_file))
    most = parse_size(shard) if shard is not None else None
    pool = given.pool()
    if by_name is not None:
        recipe = Recipe.of(pool.names, by_name)
    else:
        recipe = Recipe.uniform(pool.names) if mix is None else Recipe.of(pool.names, _numbers(mix, len(pool)))
    written = average(pool, recipe, path, batchnorm=batchnorm, max_shard_size=most)
    if pool.extra_state:
        from radin.report.findings import state_findings

        for finding in state_findings(pool.extra_state):
            click.echo(f"Note: {finding.text}", err=True)
    lost = share_lost(written)
    if as_json:
        print_json({"path": str(written), "recipe": recipe.to_json(), **({} if lost is None else {"lost": lost})})
    else:
        click.echo(f"{written}: {with_short_names(str(recipe), shortened(recipe.names, SHORT_NAME))}")
        if lost is not None:
            click.echo(f"rank {given.rank}: {lost:.3%} of the energy of the exact average is lost")


def _recipe_in(file: Path) -> dict[str, float]:
    """The mixing weights by name in a file."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MissingFileError(f"--recipe {file}: no such file") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"--recipe {file}: expected mixing weights as JSON, could not read it: {error}") from error
    if not isinstance(content, dict) or not content or any(type(one) not in (int, float) for one in content.values()):
        raise InputError(f'--recipe {file}: expected {{"name": weight, ...}}, as `radin rank -o` writes it')
    return content


def _numbers(text: str, n: int) -> list[float]:
    from radin.recipe import SUM_TOLERANCE

    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(f"expected --mix as numbers with commas between, got {text!r}") from error
    if abs(sum(numbers) - 1) > SUM_TOLERANCE or min(numbers) < 0:
        raise InputError(f"--mix must be at least 0 and sum to 1, got {text}, with sum {sum(numbers):g}")
    if len(numbers) != n:
        raise InputError(f"expected {n} mixing weights, one per checkpoint, got {len(numbers)}")
    return numbers
