"""The page on kinds of models counts lines rightly, and names commands and tasks that are there."""

import re

from helpers.paths import ROOT

from radin.cli.commands import COMMANDS

DOCS = ROOT / "docs"
PAGE = (DOCS / "models.md").read_text()


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_the_lines_are_those_of_the_examples() -> None:
    examples = re.findall(r"^## ([^\n]+)\n\n```python\n(.+?)```", (DOCS / "tasks.md").read_text(), re.M | re.S)
    counted = {anchor(title): sum(bool(line.strip()) for line in code.splitlines()) for title, code in examples}
    said = re.findall(r"\| (\d+) \| \[[^]]+\]\(tasks\.md#([\w-]+)\) \|", PAGE)
    assert {target: int(lines) for lines, target in said} == counted


def test_the_commands_are_there() -> None:
    assert set(re.findall(r"`radin (\w+)", PAGE)) == {"soup", "rank", "average", "inspect"} <= set(COMMANDS)
