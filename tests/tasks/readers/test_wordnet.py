"""The WordNet identifiers of ImageNet's classes and their names."""

from radin.tasks.readers import wordnet


def test_the_lists_are_complete() -> None:
    assert len(wordnet.imagenet_wnids()) == len(set(wordnet.imagenet_wnids())) == 1000
    assert all(map(wordnet.is_wnid, wordnet.imagenet_wnids()))
    assert len(wordnet.imagenet_titles()) == 1000
    assert wordnet.titles_of(("cat",)) is None


def test_classes_are_titled_only_where_all_are_identifiers() -> None:
    assert wordnet.titles_of(("n01443537", "n01440764")) == ("goldfish", "tench")
    assert wordnet.titles_of(("n01443537", "n99999999")) == ("goldfish", "n99999999")
    assert wordnet.titles_of(("n01443537", "goldfish")) is None
    assert [wordnet.is_wnid(name) for name in ("n01443537", "m01443537", "n0144353", "n0144353x")] == [True] + 3 * [
        False
    ]
