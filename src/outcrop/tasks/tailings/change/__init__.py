"""What changed between two dates, deposit by deposit."""
