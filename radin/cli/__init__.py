"""The `radin` command: thin commands over the library. Each is imported when it is called."""

from radin.cli.main import main as main
