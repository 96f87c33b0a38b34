"""Flares seen from space: Nightfire rows, sites and months, operators, SWIR hot spots."""
