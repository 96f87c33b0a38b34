"""Pixels → quantities: what two rooms or more measure with. Arrays come in; no file is opened here."""
