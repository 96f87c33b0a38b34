"""Watching a source over time: tracks, spells, the log, alerts."""
