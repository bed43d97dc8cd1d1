"""The settings of a run stand in the words of its options; nothing of the inside of a race is shown."""

import dataclasses
from dataclasses import asdict
from pathlib import Path

from radin.evaluation.race_settings import RaceSettings
from radin.report.record import Record
from radin.report.settings_words import settings_in_words


def test_settings_have_the_names_and_values_of_options(finished: Path) -> None:
    said = dict(settings_in_words(Record.read(finished)))
    assert said["soups, B"] == "4"
    assert said["lambda"] == "0"
    assert (said["calibrate"], said["race"], said["baselines"]) == ("yes", "no", "uniform")
    assert said["seconds"] == "no cap"
    assert said["candidates"] == "20,000"
    assert not {"lam", "smallest_pool", "race smallest_pool"} & set(said)


def test_a_seed_stands_as_it_is_given(finished: Path) -> None:
    record = Record.read(finished)
    changed = {**record.document, "settings": {**record.settings, "seed": 20240}}
    assert dict(settings_in_words(dataclasses.replace(record, document=changed)))["seed"] == "20240"


def test_only_what_a_race_has_beside_its_defaults_is_named(finished: Path) -> None:
    def race(rule: RaceSettings) -> str:
        record = Record.read(finished)
        settings = {**record.settings, "race": asdict(rule) | {"stages": list(rule.stages)}}
        changed = dataclasses.replace(record, document={**record.document, "settings": settings})
        return dict(settings_in_words(changed))["race"]

    assert race(RaceSettings()) == "yes"
    assert race(RaceSettings(votes=2, stages=(0.1,))) == "yes, with stages 0.1 and votes 2"
