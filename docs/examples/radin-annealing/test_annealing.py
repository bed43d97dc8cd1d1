from radin.testing import check_searcher


def test_annealing_keeps_the_contract():
    print(check_searcher("annealing"))  # noqa: T201 (the report names exemptions, and they are to be seen)
