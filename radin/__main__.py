"""`python -m radin` is the command `radin`, also where that is not on the path."""

from radin.cli import main

if __name__ == "__main__":
    main()
