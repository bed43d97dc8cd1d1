"""The bill of the greedy soup, in a module that imports nothing: `radin show` compares with it, without numpy."""


def greedy_passes(n: int) -> int:
    """Passes of the greedy soup (Wortsman et al. 2022): all `n` ingredients, and a soup with each but the first."""
    return 2 * n - 1
