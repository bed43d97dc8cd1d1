from radin.common.wording import counted, enumerated


def test_numbers_agree_with_their_nouns() -> None:
    assert [counted(n, "soup") for n in (0, 1, 2, 1204)] == ["0 soups", "1 soup", "2 soups", "1,204 soups"]
    assert [counted(n, "pass", "passes") for n in (1, 2)] == ["1 pass", "2 passes"]


def test_names_are_listed_as_in_a_sentence() -> None:
    assert [enumerated(names) for names in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
