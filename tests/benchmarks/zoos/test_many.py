"""The pool of many digits networks."""

from helpers.tiny_zoo import accuracy_of_file, tiny_digits

from benchmarks.zoos import many


def test_many_are_of_unequal_quality_and_fit_their_task(tmp_path, monkeypatch):
    monkeypatch.setattr(many, "SWEEP", tiny_digits(many.SWEEP))
    paths = many.build(tmp_path, n=4)
    scores = [accuracy_of_file(many.task(), path) for path in paths]
    assert len(paths) == 4 and len(set(scores)) > 1 and min(scores) > 0.2
