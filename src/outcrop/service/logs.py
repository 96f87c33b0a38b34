"""Logs as one JSON object a line: what a client typed can never look like a line of its own."""

import json
import logging
import re
import sys
from datetime import UTC, datetime

SECRETS = ((re.compile(r"(outcrop_[\w-]{6})[\w-]+"), r"\1..."), (re.compile(r"(://[^/\s:@]*):[^/\s@]+@"), r"\1:...@"))
"""What is never written whole: keys, of which the first letters stay, and passwords in addresses."""


class Lines(logging.Formatter):
    """A record as JSON: line breaks escaped, secrets cut short."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        said = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(), "from": record.name, "what": record.getMessage()[:2000],
        }  # fmt: skip
        if record.exc_info:
            said["trace"] = self.formatException(record.exc_info)[-4000:]
        text = json.dumps(said)
        for secret, shown in SECRETS:
            text = secret.sub(shown, text)
        return text


def install() -> None:
    """Write the service's log to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    logger = logging.getLogger("outcrop.service")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
