"""Runs passes on the workers of a Ray cluster, local or not; needs the extra `ray`."""
