"""The report of a run as one page for a browser: self-contained, light and dark, without scripts."""
