"""The site's navigation leads to every page once, and its pages stay within the site."""

import re
from collections import Counter

from helpers.paths import ROOT

CONFIGURATION = (ROOT / "mkdocs.yml").read_text()
PAGES = {path.name for path in (ROOT / "docs").glob("*.md")}


def test_every_page_is_in_the_navigation_once() -> None:
    navigation = CONFIGURATION.split("\nnav:\n")[1].split("\n\n")[0]
    listed = Counter(re.findall(r": ([\w-]+\.md)$", navigation, re.MULTILINE))
    assert listed == Counter(PAGES)


def test_no_page_links_out_of_the_site() -> None:
    outside = {
        f"{page}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\((\.\./[^)]*)\)", (ROOT / "docs" / page).read_text())
    }
    assert outside == set()


def test_every_documented_name_has_a_place() -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    named = re.findall(r"^::: ([\w.]+)$", page, re.MULTILINE)
    assert {"radin.make_soup", "radin.errors.InputError", "radin.testing.check_searcher"} <= set(named)
    assert len(named) == len(set(named))
