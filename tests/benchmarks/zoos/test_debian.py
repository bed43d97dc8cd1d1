"""Descriptions of Debian's packages: one of each source package."""

import pytest
from helpers.debian_lists import archive, paragraph

from benchmarks.zoos import sections
from radin.errors import DataError


def test_one_description_of_each_source_package_is_chosen():
    known = [*archive(2), paragraph("tool-doc", "doc", "manual", source="admin0"), paragraph("x", "kde", "desktop")]
    found = sections.select("\n".join(known))
    assert len(found) == 2 * len(sections.SECTIONS)
    assert all(text.startswith(section) for section, text in found)
    with pytest.raises(DataError, match=r"section 'admin'; run `apt-get update`"):
        sections.select("")
