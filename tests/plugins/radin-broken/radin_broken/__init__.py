"""A package whose plugins are broken, each in its own way, but for one."""
