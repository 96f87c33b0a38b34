"""Speed and memory promises, each measured in one run: ``make bench``."""
