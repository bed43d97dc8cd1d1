"""`radin average`: checkpoints in, one file out."""

from __future__ import annotations

import click

from radin.errors import InputError


@click.command(
    "average",
    epilog="Example: radin average run1.safetensors run2.safetensors --weights 0.25,0.75 -o soup.safetensors",
)
@click.argument("checkpoints", nargs=-1, metavar="CKPT...")
@click.option("--weights", metavar="W,...", help="Mixing weights in the order of the files; equal parts by default.")
@click.option("-o", "--output", "path", required=True, metavar="FILE", help="The .safetensors file to write.")
@click.option(
    "--batchnorm",
    type=click.Choice(["average", "keep"]),
    default="average",
    show_default=True,
    help="BatchNorm statistics: average them, or keep those of the member with the largest weight.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(checkpoints: tuple[str, ...], weights: str | None, path: str, batchnorm: str, as_json: bool) -> None:
    """Average checkpoints into one .safetensors file, tensor by tensor, in little memory."""
    import json

    from radin.averaging import average
    from radin.pool import Pool
    from radin.recipe import Recipe

    pool = Pool(checkpoints)
    recipe = Recipe.uniform(pool.names) if weights is None else Recipe.of(pool.names, _numbers(weights, len(pool)))
    average(pool, recipe, path, batchnorm=batchnorm)
    if as_json:
        click.echo(json.dumps({"path": path, "recipe": recipe.to_json()}, indent=1))
    else:
        click.echo(f"{path}: {recipe}")


def _numbers(text: str, n: int) -> list[float]:
    from radin.recipe import SUM_TOLERANCE

    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(f"expected --weights as numbers with commas between, got {text!r}") from error
    if abs(sum(numbers) - 1) > SUM_TOLERANCE or min(numbers) < 0:
        raise InputError(f"--weights must be at least 0 and sum to 1, got {text}, with sum {sum(numbers):g}")
    if len(numbers) != n:
        raise InputError(f"expected {n} weights, one per checkpoint, got {len(numbers)}")
    return numbers
