"""Descriptions of Debian's packages: one of each source package."""

import pytest

from benchmarks.zoos import sections
from radin.errors import DataError


def paragraph(package, section, text, source=None):
    line = f"Source: {source} (1.0)\n" if source else ""
    return f"Package: {package}\n{line}Description: {text}\nSection: contrib/{section}\n"


def archive(each):
    """Paragraphs of packages whose descriptions name their section, `each` of them in every section."""
    return [
        paragraph(f"{section}{i}", section, f"{section} tool {i}, for C++")
        for section in sections.SECTIONS
        for i in range(each)
    ]


def test_one_description_of_each_source_package_is_chosen():
    known = [*archive(2), paragraph("tool-doc", "doc", "manual", source="admin0"), paragraph("x", "kde", "desktop")]
    found = sections.select("\n".join(known))
    assert len(found) == 2 * len(sections.SECTIONS)
    assert all(text.startswith(section) for section, text in found)
    with pytest.raises(DataError, match=r"section 'admin'; run `apt-get update`"):
        sections.select("")
