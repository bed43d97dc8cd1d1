import radin
from radin.common.progress import SILENT


def test_silence_is_a_progress() -> None:
    assert isinstance(SILENT, radin.Progress)
    with SILENT.stage("soups", None, "soup") as advance:
        advance(3)
