"""The version of radin, which soups, cards and pages name."""

VERSION = "0.1.0"
