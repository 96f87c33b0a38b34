"""Logs as one JSON object a line: what a client typed can never look like a line of its own."""

import json
import logging
import sys
from datetime import UTC, datetime


class Lines(logging.Formatter):
    """A record as JSON, line breaks escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        said = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(), "from": record.name, "what": record.getMessage()[:2000],
        }  # fmt: skip
        if record.exc_info:
            said["trace"] = self.formatException(record.exc_info)[-4000:]
        return json.dumps(said)


def install() -> None:
    """Write the service's log to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    logger = logging.getLogger("outcrop.service")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
