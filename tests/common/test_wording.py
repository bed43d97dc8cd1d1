from radin.common.wording import (
    counted,
    decimal,
    directed,
    duration,
    enumerated,
    first_sentence,
    in_passes,
    installing,
    printable,
    said_once,
    shortened,
    signed,
    size,
    told_apart,
)


def test_numbers_agree_with_their_nouns() -> None:
    assert [counted(n, "soup") for n in (0, 1, 2, 1204)] == ["0 soups", "1 soup", "2 soups", "1,204 soups"]
    assert [counted(n, "pass", "passes") for n in (1, 2)] == ["1 pass", "2 passes"]


def test_names_are_listed_as_in_a_sentence() -> None:
    assert [enumerated(names) for names in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]


def test_what_is_the_same_of_several_names_is_said_once() -> None:
    told = [("a", "a lies far."), (None, "Soups fall short."), ("b", "b lies far."), ("a", "a knows nothing.")]
    assert said_once(told) == ["Each of a and b lies far.", "Soups fall short.", "a knows nothing."]
    assert said_once([("a", "Look at a."), ("b", "Look at b.")]) == ["Look at a.", "Look at b."]
    assert said_once([("run-1", "run-10 lies far."), ("run-10", "run-10 lies far.")]) == 2 * ["run-10 lies far."]
    assert said_once([]) == []


def test_extras_are_installed_from_a_clone() -> None:
    assert installing("ray") == "`pip install '.[ray]'` in a clone of radin"


def test_nothing_is_a_negative_zero_and_what_does_not_apply_is_a_dash() -> None:
    assert [signed(value) for value in (0.0127, -0.5, -1e-17, -0.0, None)] == [
        "+0.0127",
        "-0.5000",
        "0.0000",
        "0.0000",
        "–",
    ]
    assert [decimal(value, 2) for value in (0.127, -0.5, -1e-12, None)] == ["0.13", "-0.50", "0.00", "–"]


def test_what_digits_cannot_show_is_no_zero() -> None:
    assert [decimal(value) for value in (-0.0000123, 0.00004, 0.00006)] == ["-1.2e-05", "4e-05", "0.0001"]
    assert [signed(value) for value in (0.00002, -0.0000317)] == ["+2e-05", "-3.2e-05"]


def test_huge_numbers_are_shown_by_their_power_of_ten() -> None:
    assert [decimal(value) for value in (8.2299e39, -2e9, 999_999_999.5)] == [
        "8.2299e+39",
        "-2.0000e+09",
        "999999999.5000",
    ]
    assert [signed(value) for value in (7.7e38, -7.7e38, float("inf"))] == ["+7.7000e+38", "-7.7000e+38", "+inf"]
    assert told_apart(1.000011e12, 1.000012e12) == ["1.000011e+12", "1.000012e+12"]


def test_different_numbers_of_a_sentence_look_different() -> None:
    assert told_apart(0.95571, 0.95574) == ["0.95571", "0.95574"]
    assert told_apart(0.5, 0.25) == ["0.5000", "0.2500"]
    assert told_apart(-0.0000123, -0.0000124) == ["-0.0000123", "-0.0000124"]
    assert told_apart(-0.0000123, -0.0000149) == ["-1.2e-05", "-1.5e-05"]
    assert told_apart(0.0, -0.0000005) == ["0.0000", "-5e-07"]
    assert told_apart(0.5, 0.5, 0.123456) == ["0.5000", "0.5000", "0.1235"]
    assert told_apart(0.5, 0.5 + 1e-12) == ["0.5000", "0.5000"], "that is the rounding of a computation"


def test_passes_are_in_hundredths_where_they_are_not_whole() -> None:
    assert [in_passes(passes) for passes in (12, 9.985, 0.004, 1234.5)] == ["12", "9.98", "0", "1,234.50"]


def test_names_are_shortened_by_what_they_share() -> None:
    names = ["clip-run-01-final", "clip-run-02-final", "clip-run-11-final"]
    assert list(shortened(names, 8).values()) == ["…01…", "…02…", "…11…"]
    assert shortened(names, 17) == {name: name for name in names}
    assert shortened(["one-long-name", "other"], 5)["one-long-name"] == "one-long-name", "they share no whole word"
    assert shortened(["only-this-one"], 2) == {"only-this-one": "only-this-one"}


def test_no_name_is_cut_within_a_number() -> None:
    names = ["mixup-rate-0.01-seed-1-last", "mixup-rate-0.001-seed-2-last"]
    assert list(shortened(names, 8).values()) == ["…0.01-seed-1…", "…0.001-seed-2…"]
    names = ["mixup-rate-1e-3-last", "mixup-rate-1e-4-last", "mixup-rate-2e-4-last"]
    assert list(shortened(names, 8).values()) == ["…1e-3…", "…1e-4…", "…2e-4…"]
    assert list(shortened(["long-a-0.5", "long-b-1.5"], 4).values()) == ["…a-0.5", "…b-1.5"]
    assert list(shortened(["long-a-3e-4", "long-b-2e-4"], 4).values()) == ["…a-3e-4", "…b-2e-4"]


def test_names_that_are_long_in_themselves_lose_their_middle() -> None:
    first, second = "a" * 60 + "1", "b" * 60 + "2"
    assert list(shortened([first, second, "short"], 24).values()) == [
        "a" * 20 + "…" + "a" * 19 + "1",
        "b" * 20 + "…" + "b" * 19 + "2",
        "short",
    ]
    assert shortened([first], 24) == {first: "a" * 20 + "…" + "a" * 19 + "1"}
    alike = ["x" * 30 + middle + "x" * 30 for middle in "12"]
    assert shortened(alike, 24) == {name: name for name in alike}, "only their middles differ"


def test_shortened_names_stay_different() -> None:
    for names in (["run-1", "run-1-1"], ["a-a-a", "a-a-a-a", "a-a"], ["run-", "run-x"], ["-x", "a-x"]):
        short = shortened(names, 1)
        assert len({*short.values()}) == len(names)
        assert all(one.strip("…") for one in short.values()) or "run-" in names


def test_what_controls_a_terminal_is_escaped() -> None:
    assert printable("a\x1b[31m\r\x9b\n\tb \u00e9") == "a\\x1b[31m\\x0d\\x9b\n\tb \u00e9"


def test_the_first_sentence_of_an_error_is_told_without_its_stop() -> None:
    said = {
        "No room. Buy more.": "No room",
        "no room\nat all": "no room",
        "v1.2 is old.": "v1.2 is old",
        " ": "ValueError",
    }
    assert {one: first_sentence(ValueError(one)) for one in said} == said


def test_sizes_and_times_are_written_for_people() -> None:
    assert [size(n) for n in (0, 999, 1000, 1.5e6, 2.34e9, 5e12, 7e15)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "1.5 MB",
        "2.3 GB",
        "5.0 TB",
        "7000.0 TB",
    ]
    assert [duration(s) for s in (0.04, 119.0, 120.0, 600.0, 7200.0)] == [
        "0.0 s",
        "119.0 s",
        "2.0 min",
        "10.0 min",
        "2.0 h",
    ]


def test_a_difference_says_which_sign_is_better_where_it_is_not_plus() -> None:
    assert directed(0.0019, higher_is_better=True) == "+0.0019"
    assert directed(0.0019, higher_is_better=False) == "+0.0019, below 0 is better"
