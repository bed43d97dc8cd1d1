"""Notes that differ in a name alone are said once."""

from radin.common.alike import said_together

DAMAGED = "{} is damaged; it counts as lost, and is computed again"
STORED = "the stored result of {} (soup) was damaged, and is computed again"
LEFT_OUT = "test set {}: 8 of 20 classes that ImageNet has are left out"


def test_notes_of_several_names_are_one_and_the_others_stay() -> None:
    names = ["/run/a.npy", "/run/b.npy", "/run/c.npy", "/run/d.npy"]
    notes = [DAMAGED.format(names[0]), "60 samples are few", *(DAMAGED.format(name) for name in names[1:])]
    assert said_together(notes) == [
        "Each of /run/a.npy, /run/b.npy and 2 more is damaged; it counts as lost, and is computed again",
        "60 samples are few",
    ]
    assert said_together(notes[:3], most=2)[0] == DAMAGED.format("Each of /run/a.npy and /run/b.npy")


def test_the_name_may_stand_anywhere_and_be_a_recipe() -> None:
    assert said_together(STORED.format(name) for name in ("a + b", "a + b + c")) == [
        STORED.format("a + b"),
        STORED.format("a + b + c"),
    ]
    assert said_together(STORED.format(name) for name in ("a + b", "c", "d")) == [
        STORED.format("each of a + b, c and d")
    ]
    assert said_together(STORED.format(name) for name in ("a + b", "a + c", "b + c")) == [
        STORED.format("each of a + b, a + c and b + c")
    ]
    assert said_together(LEFT_OUT.format(name) for name in "abcde") == [LEFT_OUT.format("a, b and 3 more")]


def test_different_numbers_and_different_sentences_are_not_put_together() -> None:
    notes = [
        "60 samples are few: the interval is too wide to decide much",
        "50 samples are few: the interval is too wide to decide much",
        "a is damaged",
        "b is damaged",
        "12 of 90 images cannot be read and are left out, such as x.png",
        "12 of 80 images cannot be read and are left out, such as x.png",
    ]
    assert said_together(notes) == notes
    assert said_together([*notes, *notes]) == notes
    assert said_together([]) == []
