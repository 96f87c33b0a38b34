"""A made-up earth and the survey that looks at it: fields → bodies and sediments → plan → imaging; see ``draw``."""
