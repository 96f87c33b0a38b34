"""Made-up photos, films and sites of flares with exact truth."""
