"""Records of packages as apt lists them."""

from benchmarks.zoos import sections


def paragraph(package, section, text, source=None):
    """The record of a package in apt's lists."""
    line = f"Source: {source} (1.0)\n" if source else ""
    return f"Package: {package}\n{line}Description: {text}\nSection: contrib/{section}\n"


def archive(each):
    """Paragraphs of packages whose descriptions name their section, `each` of them in every section."""
    return [
        paragraph(f"{section}{i}", section, f"{section} tool {i}, for C++")
        for section in sections.SECTIONS
        for i in range(each)
    ]
