from radin.common.suggestions import SHOWN, did_you_mean, near, nearest

KNOWN = ("greedy", "forward", "mixing")


def test_near_names_come_nearest_first_whatever_their_case() -> None:
    assert near("GREDY", KNOWN) == ["greedy"]
    assert near("zzz", KNOWN) == []


def test_a_clause_names_them_or_is_empty() -> None:
    assert did_you_mean("gredy", KNOWN) == " (did you mean 'greedy'?)"
    assert did_you_mean("zzz", KNOWN) == ""


def test_where_none_is_near_the_known_ones_are_listed_if_they_are_few() -> None:
    assert nearest("gredy", KNOWN) == "did you mean greedy?"
    assert nearest("zzz", KNOWN).endswith("greedy, forward, mixing")
    assert nearest("zzz", []).endswith("none")
    many = [f"model-{i}" for i in range(SHOWN + 1)]
    assert nearest("zzz", many).startswith("9 ")
    assert all(name in nearest("zzz", many) for name in many[-3:])
